// demo: the words of the system's dictionary as vectors of their letters (letters.h), and what was meant by
// words that are spelled wrong. Real input, and everybody can see whether the answers are right; it also
// checks them itself.
#include "base/codec.h"
#include "base/json.h"
#include "base/system.h"
#include "cli/database.h"
#include "cli/letters.h"
#include "cli/progress.h"

#include <stdio.h>
#include <string.h>

#define COLLECTION "words"
#define DICTIONARY "/usr/share/dict/words"
#define BATCH_WORDS 1000u
#define WORDS_SIZE_MAX ((size_t)256 << 20) // bytes of a word list
#define ANSWERS 3u                         // the word that was meant is among them

static const struct misspelling {
    const char *typed;
    const char *meant;
} misspellings[] = {
    {"recieve",    "receive"    },
    {"definately", "definitely" },
    {"accomodate", "accommodate"},
    {"seperate",   "separate"   },
    {"occured",    "occurred"   },
    {"freind",     "friend"     },
    {"neccessary", "necessary"  },
    {"embarass",   "embarrass"  },
    {"tommorrow",  "tomorrow"   },
    {"rythm",      "rhythm"     },
};

typedef struct demo {
    cli_context *cli;
    cli_session session;
    wg_buffer text;  // the word list
    wg_buffer words; // a waggle_text per word, into text
    // A batch.
    wg_buffer vectors;
    wg_buffer ids;
    wg_buffer payloads;
    wg_arena arena;
} demo;

// ---- The word list -----------------------------------------------------------------------------

static waggle_status read_text(demo *d, const char *path, waggle_error *error)
{
    wg_stream *stream = NULL;
    size_t got = 1;
    waggle_status status = wg_stream_open(path, &stream, error);

    while (status == WAGGLE_OK && got > 0) {
        size_t piece = (size_t)64 << 10;
        if (d->text.size + piece > WORDS_SIZE_MAX) {
            status = wg_fail(error, WAGGLE_INVALID, "%s: the most is %zu bytes of words", path,
                             WORDS_SIZE_MAX);
        } else if (!wg_buffer_reserve(&d->text, piece)) {
            status = wg_fail_memory(error, piece, "the words");
        } else {
            status = wg_stream_read(stream, d->text.data + d->text.size, piece, &got, error);
            if (status == WAGGLE_OK) d->text.size += got;
        }
    }
    wg_stream_close(stream);
    return status;
}

static waggle_status split_words(demo *d, const char *path, waggle_error *error)
{
    const char *at = (const char *)d->text.data;
    const char *end = at + d->text.size;

    while (at < end) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        if (line_end == NULL) line_end = end;
        waggle_text word = {at, (size_t)(line_end - at)};
        if (word.size > 0 && word.data[word.size - 1] == '\r') word.size--;
        bool usable = word.size > 0 && word.size <= CLI_LETTERS_WORD_MAX &&
                      wg_utf8_valid(word.data, word.size);
        if (usable && !wg_buffer_append(&d->words, &word, sizeof(word))) {
            return wg_fail_memory(error, d->words.size, "the words");
        }
        at = line_end + 1;
    }
    if (d->words.size > 0) return WAGGLE_OK;
    return wg_fail(error, WAGGLE_INVALID, "%s holds no words", path);
}

static waggle_status read_words(demo *d, waggle_error *error)
{
    const char *path = cli_value(&d->cli->args, "words");
    bool own = path != NULL;
    waggle_status status = read_text(d, own ? path : DICTIONARY, error);

    if (status == WAGGLE_NOT_FOUND && !own) {
        cli_hint(d->cli, "apt-get install wamerican puts the dictionary there.");
        cli_hint(d->cli, "--words FILE takes any other list, a word a line.");
    }
    return status == WAGGLE_OK ? split_words(d, own ? path : DICTIONARY, error) : status;
}

static const waggle_text *word_list(const demo *d)
{
    return (const waggle_text *)(const void *)d->words.data;
}

static uint64_t word_count(const demo *d)
{
    return d->words.size / sizeof(waggle_text);
}

static bool has_word(const demo *d, const char *word)
{
    size_t size = strlen(word);

    for (uint64_t i = 0; i < word_count(d); i++) {
        const waggle_text *other = &word_list(d)[i];
        if (other->size == size && memcmp(other->data, word, size) == 0) return true;
    }
    return false;
}

// ---- The collection ----------------------------------------------------------------------------

static waggle_status open_collection(demo *d, waggle_error *error)
{
    cli_session *session = &d->session;
    const waggle_vector_spec spec = {
        .name = CLI_LETTERS_NAME,
        .dim = CLI_LETTERS_DIM,
        .type = WAGGLE_F32,
        .metric = WAGGLE_COSINE,
    };
    waggle_status status =
        waggle_collection_open(session->database, COLLECTION, &session->collection, error);

    if (status == WAGGLE_NOT_FOUND) {
        wg_error_clear(error);
        status =
            waggle_collection_create(session->database, COLLECTION,
                                     waggle_collection_spec(.vector_count = 1, .vectors = &spec),
                                     &session->collection, error);
    }
    if (status == WAGGLE_OK) {
        status = waggle_collection_describe(session->collection, &session->infos, error);
    }
    if (status != WAGGLE_OK) return status;
    session->info = waggle_collection_list_at(session->infos, 0);
    const waggle_vector_spec *there = session->info->vectors;
    if (session->info->vector_count == 1 && there->name != NULL &&
        strcmp(there->name, spec.name) == 0 && there->dim == spec.dim) {
        return WAGGLE_OK;
    }
    cli_hint(d->cli, "--db DIR plays in another folder.");
    return wg_fail(error, WAGGLE_EXISTS, "%s has a collection %s of your own, which stays as it is",
                   d->cli->database, COLLECTION);
}

static bool put_word(demo *d, const waggle_text *word)
{
    float vector[CLI_LETTERS_DIM];
    waggle_id id = {.kind = WAGGLE_ID_STRING, .size = (uint32_t)word->size};
    wg_buffer json;
    wg_json_writer writer;
    waggle_text payload;

    cli_letters_vector(word->data, word->size, vector);
    id.value.string = word->data;
    wg_buffer_init(&json, NULL, WG_MEMORY_SCRATCH);
    wg_json_writer_init(&writer, &json, false);
    wg_json_object_begin(&writer);
    wg_json_key(&writer, "word");
    wg_json_put_string(&writer, word->data, word->size);
    wg_json_object_end(&writer);
    payload.size = json.size;
    payload.data = writer.failed ? NULL : wg_arena_copy(&d->arena, json.data, json.size);
    wg_buffer_finish(&json);
    return payload.data != NULL && wg_buffer_append(&d->vectors, vector, sizeof(vector)) &&
           wg_buffer_append(&d->ids, &id, sizeof(id)) &&
           wg_buffer_append(&d->payloads, &payload, sizeof(payload));
}

static waggle_status add_batch(demo *d, waggle_import *import, uint64_t first, uint64_t count,
                               waggle_error *error)
{
    d->vectors.size = d->ids.size = d->payloads.size = 0;
    wg_arena_reset(&d->arena);
    for (uint64_t i = first; i < first + count; i++) {
        if (!put_word(d, &word_list(d)[i])) {
            return wg_fail_memory(error, d->vectors.size, "a batch of words");
        }
    }
    const waggle_vectors vectors = {
        .name = CLI_LETTERS_NAME,
        .rows =
            waggle_rows_f32((const float *)(const void *)d->vectors.data, count, CLI_LETTERS_DIM),
    };
    return waggle_import_add(
        import,
        waggle_points_of(.count = count, .ids = (const waggle_id *)(const void *)d->ids.data,
                         .vectors = &vectors, .vector_count = 1,
                         .payloads = (const waggle_text *)(const void *)d->payloads.data),
        error);
}

static waggle_status import_words(demo *d, waggle_error *error)
{
    waggle_import *import = NULL;
    cli_progress progress;
    uint64_t count = word_count(d);
    uint64_t started = wg_now_ns();
    waggle_status status = waggle_import_open(d->session.collection, &import, error);

    if (status != WAGGLE_OK) return status;
    wg_interrupt_catch();
    cli_progress_begin(&progress, COLLECTION, d->cli->quiet);
    for (uint64_t at = 0; at < count && status == WAGGLE_OK; at += BATCH_WORDS) {
        status = add_batch(d, import, at, WG_MIN(count - at, (uint64_t)BATCH_WORDS), error);
        cli_progress_state state = {at, at, count, at * CLI_LETTERS_DIM * sizeof(float)};
        cli_progress_update(&progress, &state);
        if (status == WAGGLE_OK && wg_interrupted()) {
            status = wg_fail(error, WAGGLE_CANCELED, "interrupted");
        }
    }
    cli_progress_end(&progress);
    if (status == WAGGLE_OK) status = waggle_import_commit(import, error);
    waggle_import_close(import);
    if (status == WAGGLE_OK) {
        cli_say(d->cli, "%" PRIu64 " words imported into %s in %.2f s, on disk.\n", count,
                d->cli->database, (double)(wg_now_ns() - started) / 1e9);
    }
    return status;
}

static waggle_status fill_collection(demo *d, waggle_error *error)
{
    if (d->session.info->points == word_count(d)) {
        cli_say(d->cli, "%s has the words already.\n", d->cli->database);
        return WAGGLE_OK;
    }
    cli_say(d->cli,
            "%" PRIu64 " words become vectors of %u numbers: their letters and groups "
            "of letters, hashed.",
            word_count(d), CLI_LETTERS_DIM);
    return import_words(d, error);
}

// ---- Questions ---------------------------------------------------------------------------------

static bool hit_is(const waggle_hit *hit, const char *word)
{
    return hit->id.kind == WAGGLE_ID_STRING && hit->id.size == strlen(word) &&
           memcmp(hit->id.value.string, word, hit->id.size) == 0;
}

static void put_answer(cli_output *output, const char *typed, const waggle_hit *hits,
                       uint32_t count, double us)
{
    cli_put_string(output, typed);
    for (uint32_t i = 0; i < ANSWERS; i++) {
        if (i >= count) {
            cli_put_null(output);
            cli_put_null(output);
            continue;
        }
        cli_put_id(output, &hits[i].id);
        cli_put_double(output, (double)hits[i].score, 3);
    }
    cli_put_double(output, us, 0);
    cli_row_end(output);
}

// *found tells whether the meant word is among the answers.
static waggle_status ask(demo *d, cli_output *output, const struct misspelling *m, bool *found,
                         waggle_error *error)
{
    float vector[CLI_LETTERS_DIM];
    waggle_hits *hits = NULL;
    uint32_t count = 0;

    cli_letters_vector(m->typed, strlen(m->typed), vector);
    waggle_rows rows = waggle_rows_f32(vector, 1, CLI_LETTERS_DIM);
    uint64_t from = wg_now_ns();
    waggle_status status = waggle_search(d->session.collection, &rows,
                                         waggle_search_options(.k = ANSWERS), &hits, error);
    double us = (double)(wg_now_ns() - from) / 1e3;
    if (status != WAGGLE_OK) return status;
    const waggle_hit *list = waggle_hits_at(hits, 0, &count);
    *found = false;
    for (uint32_t i = 0; i < count; i++) {
        *found = *found || hit_is(&list[i], m->meant);
    }
    put_answer(output, m->typed, list, count, us);
    waggle_hits_destroy(hits);
    return WAGGLE_OK;
}

static waggle_status ask_all(demo *d, waggle_error *error)
{
    static const cli_column columns[] = {
        {"typed",        false},
        {"meant",        false},
        {"score",        true },
        {"or",           false},
        {"score_2",      true },
        {"or_else",      false},
        {"score_3",      true },
        {"microseconds", true },
    };
    cli_output output;
    const struct misspelling *wrong = NULL;
    waggle_status status = WAGGLE_OK;

    cli_output_begin(&output, d->cli->style, columns, WG_COUNT(columns));
    for (size_t i = 0; i < WG_COUNT(misspellings) && status == WAGGLE_OK; i++) {
        bool found = false;
        const struct misspelling *m = &misspellings[i];
        status = ask(d, &output, m, &found, error);
        // A list of other words need not have it.
        if (status == WAGGLE_OK && !found && has_word(d, m->meant)) wrong = m;
    }
    waggle_status written = cli_output_end(&output, status == WAGGLE_OK ? error : NULL);
    if (status == WAGGLE_OK) status = written;
    if (status != WAGGLE_OK || wrong == NULL) return status;
    return wg_fail(error, WAGGLE_CORRUPT,
                   "%s is not among the %u words nearest to %s: something is wrong with this "
                   "build or database",
                   wrong->meant, ANSWERS, wrong->typed);
}

static void say_what_next(const demo *d)
{
    bool usual = strcmp(d->cli->database, "./waggle.db") == 0;
    const char *option = usual ? "" : " --db ";
    const char *path = usual ? "" : d->cli->database;

    cli_say(d->cli,
            "\nThe database stays, to play on:\n"
            "  waggle search " COLLECTION " --text beleive%s%s\n"
            "  waggle search " COLLECTION " --id honey -k 5%s%s\n"
            "  waggle info " COLLECTION "%s%s",
            option, path, option, path, option, path);
}

static waggle_status run(demo *d, waggle_error *error)
{
    waggle_status status = read_words(d, error);

    if (status != WAGGLE_OK) return status;
    status = cli_database_open(d->cli, CLI_CREATE, 0, &d->session.database, error);
    if (status == WAGGLE_OK) status = open_collection(d, error);
    if (status == WAGGLE_OK) status = fill_collection(d, error);
    if (status == WAGGLE_OK) status = ask_all(d, error);
    if (status == WAGGLE_OK) say_what_next(d);
    return status;
}

waggle_status cli_demo(cli_context *cli, waggle_error *error)
{
    demo d = {.cli = cli};

    // People look at it, also through a pipe.
    if (cli_value(&cli->args, "output") == NULL) cli->style.layout = CLI_TABLE;
    wg_buffer_init(&d.text, NULL, WG_MEMORY_SCRATCH);
    wg_buffer_init(&d.words, NULL, WG_MEMORY_SCRATCH);
    wg_buffer_init(&d.vectors, NULL, WG_MEMORY_SCRATCH);
    wg_buffer_init(&d.ids, NULL, WG_MEMORY_SCRATCH);
    wg_buffer_init(&d.payloads, NULL, WG_MEMORY_SCRATCH);
    wg_arena_init(&d.arena, NULL, WG_MEMORY_SCRATCH, 64u << 10);
    waggle_status status = run(&d, error);
    status = cli_session_close(&d.session, status, error);
    wg_buffer_finish(&d.text);
    wg_buffer_finish(&d.words);
    wg_buffer_finish(&d.vectors);
    wg_buffer_finish(&d.ids);
    wg_buffer_finish(&d.payloads);
    wg_arena_finish(&d.arena);
    return status;
}
