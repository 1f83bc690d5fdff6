// Codes beside sealed parts: they are what the rows' codes are, appear where they should, never change an answer, and
// whatever happens to their files is mended.
#include "engine/codes.h"
#include "support/sim_disk.h"

#include <math.h>
#include <stdlib.h>

#define DIM 40u
#define POINTS 300u // of a batch

typedef struct fixture {
    wg_vfs *disk;
    test_heap *heap; // NULL = that of the process
    waggle_database *database;
    waggle_collection *collection;
    uint64_t size_least; // wg_internal
    uint64_t rows_least;
    bool read_only;
    bool threads;
    uint32_t dropped; // lines of the log that say so
    uint32_t not_made;
    char line[1024]; // the last of them
} fixture;

static void log_line(void *context, waggle_log_level level, const char *line)
{
    fixture *f = context;
    bool dropped = strstr(line, "event=codes_dropped") != NULL;
    bool not_made = strstr(line, "event=codes_not_made") != NULL;
    if (!dropped && !not_made) return;
    WG_CHECK(level == WAGGLE_LOG_WARNING);
    f->dropped += dropped;
    f->not_made += not_made;
    snprintf(f->line, sizeof f->line, "%s", line);
}

static void open_database(fixture *f)
{
    waggle_error error;
    wg_internal internal = {.vfs = f->disk,
                            .memory = f->heap == NULL ? NULL : &f->heap->heap.source,
                            .no_threads = !f->threads,
                            .log_file_size = 1u << 20,
                            .codes_size_least = f->size_least,
                            .codes_rows_least = f->rows_least};
    WG_OK(wg_database_open("db",
                           waggle_open_options(.read_only = f->read_only, .threads = 1,
                                               .log = log_line, .log_context = f),
                           &internal, &f->database, &error));
}

static void close_database(fixture *f)
{
    waggle_error error;
    waggle_collection_close(f->collection);
    f->collection = NULL;
    WG_OK(waggle_close(f->database, &error));
    f->database = NULL;
}

static void reopen(fixture *f)
{
    waggle_error error;
    close_database(f);
    open_database(f);
    WG_OK(waggle_collection_open(f->database, "c", &f->collection, &error));
}

static void begin_with(fixture *f, waggle_metric metric, waggle_type type, waggle_scan scan)
{
    waggle_error error;
    waggle_vector_spec vector = {.dim = DIM, .type = type, .metric = metric, .scan = scan};
    if (f->disk == NULL) f->disk = sim_disk_create(1);
    open_database(f);
    WG_OK(waggle_collection_create(f->database, "c",
                                   waggle_collection_spec(.vectors = &vector, .vector_count = 1),
                                   &f->collection, &error));
}

static void end(fixture *f)
{
    close_database(f);
    sim_disk_destroy(f->disk);
}

// ---- Points --------------------------------------------------------------------------------------

// A row that follows from its number: clusters of spread-out rows, some of them equal, as real data has them.
static void row_make(uint64_t number, float *row)
{
    test_random cluster = {number % 7 * 1000 + 17};
    test_random own = {number % 101 == 3 ? 5 : number + (1u << 20)};
    for (uint32_t i = 0; i < DIM; i++)
        row[i] = 3 * test_normal(&cluster) + 0.5f * test_normal(&own);
}

static void put(fixture *f, uint64_t first, uint32_t count, bool lacking)
{
    waggle_error error;
    float *rows = calloc(count * DIM, sizeof *rows);
    uint8_t *present = calloc(count, 1);
    for (uint32_t i = 0; i < count; i++) {
        row_make(first + i, rows + i * DIM);
        present[i] = !lacking || (first + i) % 5 != 0;
    }
    waggle_vectors vectors = {.rows = waggle_rows_f32(rows, count, DIM), .present = present};
    WG_OK(waggle_upsert(f->collection,
                        waggle_points_of(.count = count, .id_first = first, .vectors = &vectors,
                                         .vector_count = 1, .convert = WAGGLE_CONVERT_ROUND),
                        NULL, &error));
    free(rows);
    free(present);
}

static void import(fixture *f, uint64_t first, uint32_t count)
{
    waggle_error error;
    waggle_import *import = NULL;
    float *rows = calloc(count * DIM, sizeof *rows);
    for (uint32_t i = 0; i < count; i++)
        row_make(first + i, rows + i * DIM);
    waggle_vectors vectors = {.rows = waggle_rows_f32(rows, count, DIM)};
    WG_OK(waggle_import_open(f->collection, &import, &error));
    WG_OK(waggle_import_add(
        import,
        waggle_points_of(.count = count, .id_first = first, .vectors = &vectors, .vector_count = 1),
        &error));
    WG_OK(waggle_import_commit(import, &error));
    waggle_import_close(import);
    free(rows);
}

static void seal(fixture *f)
{
    waggle_error error;
    wg_mutex_lock(&f->database->care);
    WG_OK(wg_seal(f->database, &f->collection, 1, &error));
    wg_mutex_unlock(&f->database->care);
}

static void make(fixture *f)
{
    waggle_error error;
    WG_OK(waggle_codes_wait(f->database, UINT32_MAX, &error));
}

static waggle_collection_info info_of(fixture *f)
{
    waggle_error error;
    waggle_collection_list *list = NULL;
    WG_OK(waggle_collection_describe(f->collection, &list, &error));
    waggle_collection_info info = *waggle_collection_list_at(list, 0);
    waggle_collection_list_destroy(list);
    return info;
}

static waggle_statistics statistics_of(fixture *f)
{
    waggle_error error;
    waggle_statistics statistics = {.struct_size = sizeof statistics};
    WG_OK(waggle_statistics_get(f->database, &statistics, &error));
    return statistics;
}

static void check_coded(fixture *f, uint64_t coded, uint64_t uncoded)
{
    waggle_collection_info info = info_of(f);
    WG_CHECK_U64(info.segments_coded, coded);
    WG_CHECK_U64(info.segments_uncoded, uncoded);
    WG_CHECK((info.bytes_codes > 0) == (coded > 0));
}

// The path and size of the only file whose name ends so, or NULL. It lives until the next call.
static const char *file_find(const fixture *f, const char *ending, uint64_t *size)
{
    static char found[256];
    uint32_t count = 0;
    for (size_t i = 0; i < sim_disk_files(f->disk); i++) {
        uint64_t here = 0;
        const char *path = sim_disk_file(f->disk, i, &here);
        size_t length = strlen(path);
        if (length < strlen(ending) || strcmp(path + length - strlen(ending), ending) != 0)
            continue;
        snprintf(found, sizeof found, "%s", path);
        if (size != NULL) *size = here;
        count++;
    }
    WG_CHECK(count <= 1);
    return count == 0 ? NULL : found;
}

// ---- Answers -------------------------------------------------------------------------------------

#define QUERIES 14u // as many as make a panel

static waggle_hits *search(fixture *f, uint32_t queries, uint32_t k, waggle_scan scan)
{
    static float rows[QUERIES][DIM];
    waggle_error error;
    waggle_hits *hits = NULL;
    for (uint32_t i = 0; i < queries; i++) {
        row_make(11 * i + 3, rows[i]);
        rows[i][0] += 0.01f * (float)(i % 3);
    }
    waggle_rows given = waggle_rows_f32(&rows[0][0], queries, DIM);
    WG_OK(
        waggle_search(f->collection, &given,
                      waggle_search_options(.k = k, .scan = scan, .convert = WAGGLE_CONVERT_ROUND),
                      &hits, &error));
    return hits;
}

static void check_equal(const waggle_hits *a, const waggle_hits *b)
{
    WG_CHECK_U64(waggle_hits_queries(a), waggle_hits_queries(b));
    for (uint64_t q = 0; q < waggle_hits_queries(a); q++) {
        uint32_t count = 0;
        uint32_t other = 0;
        const waggle_hit *x = waggle_hits_at(a, q, &count);
        const waggle_hit *y = waggle_hits_at(b, q, &other);
        WG_CHECK_U64(count, other);
        for (uint32_t i = 0; i < count; i++) {
            WG_CHECK(waggle_id_compare(&x[i].id, &y[i].id) == 0);
            WG_CHECK(memcmp(&x[i].score, &y[i].score, sizeof(float)) == 0);
            WG_CHECK_U64(x[i].version, y[i].version);
        }
    }
}

// What is certified is what the rows say, whatever is sealed, dead or coded.
static void check_answers(fixture *f)
{
    static const uint32_t counts[] = {1, 3, QUERIES};
    for (size_t i = 0; i < WG_COUNT(counts); i++) {
        waggle_hits *rows = search(f, counts[i], 10, WAGGLE_SCAN_F32);
        waggle_hits *codes = search(f, counts[i], 10, WAGGLE_SCAN_CERTIFIED);
        waggle_hits *either = search(f, counts[i], 10, WAGGLE_SCAN_AUTO);
        WG_CHECK(waggle_hits_info(rows)->scan == WAGGLE_SCAN_F32);
        WG_CHECK(waggle_hits_info(rows)->exact && waggle_hits_info(codes)->exact);
        check_equal(rows, codes);
        check_equal(rows, either);
        waggle_hits_destroy(rows);
        waggle_hits_destroy(codes);
        waggle_hits_destroy(either);
    }
}

// ---- Codes ---------------------------------------------------------------------------------------

static void check_row(const wg_code_column *column, wg_code_kind kind, const wg_sealed *sealed,
                      uint64_t row)
{
    const wg_vector_field *field = &sealed->spec->fields[0];
    static uint8_t code[1024];
    float values[DIM];
    float scratch[DIM];
    wg_code_figures figures;
    size_t stride = wg_code_stride(kind, DIM);
    WG_CHECK(stride <= sizeof code);
    wg_row_to_f32(field->type, sealed->columns[0].data + row * field->stride, DIM, values);
    wg_code_encode(column->frame, kind, values, code, &figures, scratch);
    WG_CHECK(memcmp(column->codes + row * stride, code, stride) == 0);
    WG_CHECK(memcmp(&column->figures[row], &figures, sizeof figures) == 0);
}

// Every part that searches see has the codes of its rows. Returns how many there are.
static uint32_t check_codes(fixture *f, uint32_t kinds)
{
    waggle_error error;
    uint32_t found = 0;
    wg_state *state = wg_state_acquire(f->collection);
    for (uint32_t i = 0; i < state->sealed_count; i++) {
        wg_sealed *sealed = state->sealed[i].sealed;
        const wg_code_column *columns = wg_codes_columns(f->database, sealed, 0);
        if (columns == NULL) continue;
        WG_OK(wg_sealed_column_ready(sealed, 0, &error));
        for (uint32_t kind = WG_CODE_I8; kind <= WG_CODE_B1; kind++) {
            WG_CHECK((columns[kind].codes != NULL) == (kinds >> kind & 1));
            if (columns[kind].codes == NULL) continue;
            WG_CHECK(columns[kind].frame->metric == sealed->spec->fields[0].metric);
            for (uint64_t row = 0; row < sealed->entry.rows; row++)
                check_row(&columns[kind], (wg_code_kind)kind, sealed, row);
        }
        found++;
    }
    wg_state_release(state);
    return found;
}

#define CERTIFIED_KINDS (1u << WG_CODE_I8 | 1u << WG_CODE_I4)
#define PROBABLE_KINDS (CERTIFIED_KINDS | 1u << WG_CODE_B1)

WG_TEST(sealed_parts_get_the_codes_of_their_rows_and_keep_them)
{
    static const waggle_metric metrics[] = {WAGGLE_L2, WAGGLE_COSINE, WAGGLE_DOT};
    static const waggle_type types[] = {WAGGLE_F32, WAGGLE_F16, WAGGLE_BF16};
    for (size_t m = 0; m < WG_COUNT(metrics); m++)
        for (size_t t = 0; t < WG_COUNT(types); t++) {
            fixture f = {0};
            begin_with(&f, metrics[m], types[t], WAGGLE_SCAN_PROBABLE);
            put(&f, 0, POINTS, true);
            seal(&f);
            check_coded(&f, 0, 1);
            make(&f);
            check_coded(&f, 1, 0);
            WG_CHECK_U64(check_codes(&f, PROBABLE_KINDS), 1);
            WG_CHECK_U64(statistics_of(&f).codes_made, 1);
            WG_CHECK_U64(statistics_of(&f).bytes_codes, info_of(&f).bytes_codes);
            reopen(&f);
            check_coded(&f, 1, 0);
            WG_CHECK_U64(check_codes(&f, PROBABLE_KINDS), 1);
            make(&f);
            WG_CHECK_U64(statistics_of(&f).codes_made, 0); // they were there
            check_answers(&f);
            end(&f);
        }
}

WG_TEST(one_bit_codes_are_rotated_and_the_center_leaves_out_rows_without_the_vector)
{
    fixture f = {0};
    double sums[DIM] = {0};
    float center[DIM];
    uint64_t count = 0;
    begin_with(&f, WAGGLE_L2, WAGGLE_F32, WAGGLE_SCAN_PROBABLE);
    put(&f, 0, POINTS, true);
    seal(&f);
    make(&f);
    for (uint64_t i = 0; i < POINTS; i++) {
        float row[DIM];
        if (i % 5 == 0) continue;
        row_make(i, row);
        wg_center_add(sums, row, DIM);
        count++;
    }
    wg_center_finish(sums, count, DIM, center);
    wg_state *shown = wg_state_acquire(f.collection);
    const wg_code_column *columns = wg_codes_columns(f.database, shown->sealed[0].sealed, 0);
    for (uint32_t kind = WG_CODE_I8; kind <= WG_CODE_B1; kind++)
        WG_CHECK(memcmp(columns[kind].frame->center, center, sizeof center) == 0);
    WG_CHECK(columns[WG_CODE_B1].frame->rotated);
    WG_CHECK(columns[WG_CODE_I8].frame->rotated == columns[WG_CODE_I4].frame->rotated);
    wg_state_release(shown);
    end(&f);
}

WG_TEST(parts_get_codes_by_themselves_from_a_size_on_and_when_asked_from_some_rows_on)
{
    fixture f = {0};
    // 192 bytes a row.
    f.size_least = POINTS * 192u;
    begin_with(&f, WAGGLE_L2, WAGGLE_F32, WAGGLE_SCAN_AUTO);
    put(&f, 0, POINTS - 1, false);
    seal(&f);
    make(&f);
    check_coded(&f, 0, 0);
    put(&f, 1000, POINTS, false);
    seal(&f);
    make(&f);
    check_coded(&f, 1, 0);
    WG_CHECK_U64(check_codes(&f, CERTIFIED_KINDS), 1);
    end(&f);

    f = (fixture){0};
    begin_with(&f, WAGGLE_L2, WAGGLE_F32, WAGGLE_SCAN_CERTIFIED);
    put(&f, 0, 63, false);
    seal(&f);
    make(&f);
    check_coded(&f, 0, 0);
    put(&f, 1000, 64, false);
    seal(&f);
    make(&f);
    check_coded(&f, 1, 0);
    end(&f);
}

WG_TEST(what_asks_for_no_codes_or_can_have_none_gets_none)
{
    static const struct {
        waggle_metric metric;
        waggle_type type;
        waggle_scan scan;
    } none[] = {
        {WAGGLE_L2,   WAGGLE_F32, WAGGLE_SCAN_F32 },
        {WAGGLE_L1,   WAGGLE_F32, WAGGLE_SCAN_AUTO},
        {WAGGLE_LINF, WAGGLE_F16, WAGGLE_SCAN_AUTO},
        {WAGGLE_L2,   WAGGLE_I8,  WAGGLE_SCAN_AUTO},
    };

    for (size_t i = 0; i < WG_COUNT(none); i++) {
        fixture f = {.size_least = 1};
        begin_with(&f, none[i].metric, none[i].type, none[i].scan);
        put(&f, 0, POINTS, false);
        seal(&f);
        make(&f);
        check_coded(&f, 0, 0);
        WG_CHECK(file_find(&f, ".codes", NULL) == NULL);
        check_answers(&f); // and a search that asks for codes reads the rows
        end(&f);
    }
}

WG_TEST(certified_answers_are_those_of_the_rows_through_every_change)
{
    waggle_error error;
    fixture f = {0};
    test_random random = {test_seed(3)};
    begin_with(&f, WAGGLE_L2, WAGGLE_F32, WAGGLE_SCAN_CERTIFIED);
    for (uint64_t i = 0; i < test_rounds(15, 1000); i++) {
        switch (test_below(&random, 8)) {
        case 0:
        case 1: put(&f, test_below(&random, 1500), POINTS, false); break;
        case 2: put(&f, test_below(&random, 1500), 100, true); break;
        case 3: {
            waggle_id ids[50];
            for (uint32_t j = 0; j < 50; j++)
                ids[j] = waggle_id_number(test_below(&random, 1800));
            WG_OK(waggle_delete(f.collection, ids, 50, NULL, NULL, &error));
            break;
        }
        case 4: seal(&f); break;
        case 5: make(&f); break;
        case 6: WG_OK(waggle_compact(f.collection, &error)); break;
        default:
            if (test_below(&random, 2) == 0)
                import(&f, test_below(&random, 1500), 200);
            else
                reopen(&f);
        }
        check_answers(&f);
        (void)check_codes(&f, CERTIFIED_KINDS);
        WG_CHECK_U64(f.dropped + f.not_made, 0);
    }
    make(&f);
    check_coded(&f, info_of(&f).segments_coded, 0);
    WG_OK(waggle_verify(f.database, NULL, NULL, NULL, &error));
    end(&f);
}

static uint64_t rows_of(const waggle_search_info *info, const char *stage)
{
    for (uint32_t i = 0; i < info->stage_count; i++)
        if (strcmp(info->stages[i].name, stage) == 0) return info->stages[i].rows;
    return 0;
}

// What a search reports: its scan, its first stage, and that each row was looked at by codes or as it is.
static void check_report(fixture *f, waggle_scan asked, waggle_scan ran, const char *first,
                         uint64_t head_rows)
{
    waggle_statistics before = statistics_of(f);
    waggle_hits *hits = search(f, 1, 5, asked);
    waggle_statistics after = statistics_of(f);
    const waggle_search_info *info = waggle_hits_info(hits);
    const waggle_search_stage *last = &info->stages[info->stage_count - 1];
    uint64_t bytes = 0;
    WG_CHECK(info->scan == ran);
    WG_CHECK(info->exact == (ran != WAGGLE_SCAN_PROBABLE));
    WG_CHECK(info->stage_count >= 1 && info->stage_count <= 4);
    WG_CHECK_TEXT(info->stages[0].name, first);
    WG_CHECK_TEXT(last->name, "f32");
    WG_CHECK(last->rows >= head_rows + 5); // the hits at least
    WG_CHECK_U64(last->bytes, last->rows * 192);
    if (ran == WAGGLE_SCAN_F32)
        WG_CHECK_U64(last->rows, info->rows_scanned);
    else
        WG_CHECK(info->stages[0].rows + last->rows >= info->rows_scanned);
    for (uint32_t i = 0; i < info->stage_count; i++)
        bytes += info->stages[i].bytes;
    WG_CHECK_U64(info->bytes_scanned, bytes);
    WG_CHECK_U64(info->rows_scanned, 2 * POINTS + head_rows);
    WG_CHECK_U64(after.rows_1bit - before.rows_1bit, rows_of(info, "1-bit"));
    WG_CHECK_U64(after.rows_4bit - before.rows_4bit, rows_of(info, "4-bit"));
    WG_CHECK_U64(after.rows_int8 - before.rows_int8, rows_of(info, "int8"));
    WG_CHECK_U64(after.rows_scored - before.rows_scored, last->rows);
    WG_CHECK_U64(after.blocks_widened - before.blocks_widened, info->blocks_widened);
    waggle_hits_destroy(hits);
}

WG_TEST(a_search_says_which_scan_ran_and_what_its_stages_read)
{
    fixture f = {0};
    begin_with(&f, WAGGLE_L2, WAGGLE_F32, WAGGLE_SCAN_PROBABLE);
    put(&f, 0, 2 * POINTS, false);
    seal(&f);
    check_report(&f, WAGGLE_SCAN_CERTIFIED, WAGGLE_SCAN_F32, "f32", 0); // no codes yet
    make(&f);
    check_report(&f, WAGGLE_SCAN_F32, WAGGLE_SCAN_F32, "f32", 0);
    check_report(&f, WAGGLE_SCAN_CERTIFIED, WAGGLE_SCAN_CERTIFIED, "4-bit", 0);
    check_report(&f, WAGGLE_SCAN_PROBABLE, WAGGLE_SCAN_PROBABLE, "1-bit", 0);
    check_report(&f, WAGGLE_SCAN_DEFAULT, WAGGLE_SCAN_PROBABLE, "1-bit", 0);
    put(&f, 5000, 10, false); // rows of the head are read as they are
    check_report(&f, WAGGLE_SCAN_CERTIFIED, WAGGLE_SCAN_CERTIFIED, "4-bit", 10);
    end(&f);
}

WG_TEST(a_search_that_must_be_exact_is_never_only_probable)
{
    waggle_error error;
    waggle_hits *hits = NULL;
    float row[DIM];
    fixture f = {0};
    begin_with(&f, WAGGLE_L2, WAGGLE_F32, WAGGLE_SCAN_PROBABLE);
    put(&f, 0, POINTS, false);
    seal(&f);
    make(&f);
    row_make(1, row);
    waggle_rows rows = waggle_rows_f32(row, 1, DIM);
    WG_OK(waggle_search(f.collection, &rows, waggle_search_options(.exact = true), &hits, &error));
    WG_CHECK(waggle_hits_info(hits)->scan == WAGGLE_SCAN_CERTIFIED);
    WG_CHECK(waggle_hits_info(hits)->exact);
    waggle_hits_destroy(hits);
    end(&f);
}

WG_TEST(an_unknown_scan_is_refused_by_name)
{
    waggle_error error;
    waggle_hits *hits = NULL;
    float row[DIM] = {0};
    fixture f = {0};
    begin_with(&f, WAGGLE_L2, WAGGLE_F32, WAGGLE_SCAN_AUTO);
    waggle_rows rows = waggle_rows_f32(row, 1, DIM);
    WG_FAILS_WITH(WAGGLE_INVALID, "scan 5 is not known",
                  waggle_search(f.collection, &rows, waggle_search_options(.scan = (waggle_scan)5),
                                &hits, &error));
    end(&f);
}

WG_TEST(compaction_and_dropping_remove_codes_with_their_parts)
{
    waggle_error error;
    fixture f = {0};
    begin_with(&f, WAGGLE_L2, WAGGLE_F32, WAGGLE_SCAN_CERTIFIED);
    for (uint32_t i = 0; i < 3; i++) {
        put(&f, 1000 * i, POINTS, false);
        seal(&f);
        make(&f);
    }
    check_coded(&f, 3, 0);
    WG_OK(waggle_compact(f.collection, &error));
    check_coded(&f, 1, 0);
    WG_CHECK(file_find(&f, ".codes", NULL) != NULL); // one
    WG_OK(waggle_collection_drop(f.database, "c", &error));
    waggle_collection_close(f.collection);
    f.collection = NULL;
    // Its entry goes with the next change of the catalog.
    WG_OK(waggle_collection_create_simple(f.database, "other", 2, WAGGLE_L2, WAGGLE_F32, NULL,
                                          &error));
    WG_OK(wg_checkpoint(f.database, &error));
    WG_CHECK(file_find(&f, ".wseg", NULL) == NULL);
    WG_CHECK(file_find(&f, ".codes", NULL) == NULL);
    end(&f);
}

WG_TEST(dropping_a_collection_that_was_never_opened_removes_its_codes)
{
    waggle_error error;
    fixture f = {0};
    begin_with(&f, WAGGLE_L2, WAGGLE_F32, WAGGLE_SCAN_CERTIFIED);
    put(&f, 0, POINTS, false);
    seal(&f);
    make(&f);
    close_database(&f);
    open_database(&f);
    WG_OK(waggle_collection_drop(f.database, "c", &error));
    WG_CHECK(file_find(&f, ".wseg", NULL) == NULL);
    WG_CHECK(file_find(&f, ".codes", NULL) == NULL);
    end(&f);
}

// ---- What happens to files -----------------------------------------------------------------------

// A collection of one part with codes.
static void begin_coded(fixture *f)
{
    *f = (fixture){0};
    begin_with(f, WAGGLE_L2, WAGGLE_F32, WAGGLE_SCAN_CERTIFIED);
    put(f, 0, 80, false);
    seal(f);
    make(f);
    check_coded(f, 1, 0);
}

static void copy_bytes(wg_vfs *disk, const char *path, const uint8_t *bytes, size_t size)
{
    waggle_error error;
    wg_file *file = NULL;
    WG_OK(wg_file_open(disk, path, WG_OPEN_CREATE, &file, &error));
    WG_OK(wg_file_truncate(file, 0, &error));
    if (size > 0) WG_OK(wg_file_write(file, 0, bytes, size, &error));
    wg_file_close(file);
}

static uint8_t *read_bytes(wg_vfs *disk, const char *path, size_t size)
{
    waggle_error error;
    wg_file *file = NULL;
    uint8_t *bytes = calloc(size, 1);
    WG_OK(wg_file_open(disk, path, WG_OPEN_READ, &file, &error));
    WG_OK(wg_file_read_all(file, 0, bytes, size, &error));
    wg_file_close(file);
    return bytes;
}

static void open_collection(fixture *f)
{
    waggle_error error;
    f->dropped = 0;
    open_database(f);
    WG_OK(waggle_collection_open(f->database, "c", &f->collection, &error));
}

// Opens what was changed while it was closed: the answers are right, and after at most one more opening the codes are, too.
static void check_mended(fixture *f, uint32_t dropped)
{
    open_collection(f);
    check_answers(f);
    WG_CHECK_U64(f->dropped, dropped);
    WG_CHECK_U64(statistics_of(f).codes_dropped, dropped);
    make(f);
    reopen(f); // what a search found is removed, and made again, now
    make(f);
    WG_CHECK_U64(check_codes(f, CERTIFIED_KINDS), 1);
    WG_CHECK_U64(f->dropped, dropped);
    check_coded(f, 1, 0);
    check_answers(f);
}

WG_TEST(codes_that_are_deleted_or_cut_are_made_again)
{
    waggle_error error;
    fixture f;
    char path[256];
    uint64_t size = 0;
    begin_coded(&f);
    snprintf(path, sizeof path, "%s", file_find(&f, ".codes", &size));
    uint8_t *bytes = read_bytes(f.disk, path, size);
    for (uint64_t cut = 0; cut < size; cut += 1 + size / 13) {
        close_database(&f);
        copy_bytes(f.disk, path, bytes, cut);
        check_mended(&f, 1);
    }
    free(bytes);
    close_database(&f);
    WG_OK(wg_vfs_unlink(f.disk, path, &error));
    check_mended(&f, 0);
    end(&f);
}

WG_TEST(codes_with_a_flipped_bit_are_never_used_and_made_again)
{
    waggle_error error;
    fixture f;
    char path[256];
    uint64_t size = 0;
    uint32_t seen = 0;
    uint32_t tried = 0;
    begin_coded(&f);
    snprintf(path, sizeof path, "%s", file_find(&f, ".codes", &size));
    test_random random = {test_seed(9)};
    for (uint64_t bit = 3; bit < size * 8; bit += 1 + test_below(&random, size * 8 / 30)) {
        close_database(&f);
        sim_disk_flip(f.disk, path, bit);
        open_collection(&f);
        check_answers(&f);
        tried++;
        if (f.dropped == 0) { // in a gap between sections, which only verifying reads
            WG_FAILS(WAGGLE_CORRUPT, waggle_verify(f.database, NULL, NULL, NULL, &error));
            WG_CHECK(strstr(error.message, "made again") != NULL ||
                     strstr(error.message, "between sections") != NULL);
        } else {
            seen++;
        }
        WG_CHECK_U64(f.dropped, 1);
        reopen(&f);
        make(&f);
        WG_CHECK_U64(check_codes(&f, CERTIFIED_KINDS), 1);
        check_answers(&f);
        WG_OK(waggle_verify(f.database, NULL, NULL, NULL, &error));
    }
    WG_CHECK(seen > tried / 2);
    end(&f);
}

// Writes the codes file anew, with a frame that change() was given.
static void frame_change(fixture *f, void (*change)(uint8_t *frame))
{
    waggle_error error;
    char path[256];
    wg_segment_file *old = NULL;
    wg_segment_writer *writer = NULL;
    uint64_t size = 0;
    uint8_t *copies[16] = {0};
    wg_section sections[16];
    uint32_t count = 0;
    close_database(f);
    snprintf(path, sizeof path, "%s", file_find(f, ".codes", NULL));
    WG_OK(wg_segment_open(f->disk, NULL, path, &old, &error));
    wg_part part = *wg_segment_part(old, 0);
    for (; count < part.section_count; count++) {
        const void *bytes = NULL;
        sections[count] = part.sections[count];
        WG_OK(
            wg_segment_bytes(old, &part.sections[count], 0, sections[count].size, &bytes, &error));
        copies[count] = calloc(sections[count].size, 1);
        memcpy(copies[count], bytes, sections[count].size);
        if (sections[count].kind == WG_SECTION_CODE_FRAME) change(copies[count]);
    }
    wg_segment_release(old);
    WG_OK(wg_vfs_unlink(f->disk, path, &error));
    WG_OK(wg_segment_create(f->disk, NULL, path, &writer, &error));
    WG_OK(wg_segment_part_begin(writer, part.collection, &error));
    for (uint32_t i = 0; i < count; i++) {
        wg_section_handle section;
        WG_OK(wg_segment_section_begin(writer, (wg_section_kind)sections[i].kind, sections[i].name,
                                       0, sections[i].stride, sections[i].size, &section, &error));
        WG_OK(wg_segment_section_append(writer, section, copies[i], sections[i].size, &error));
        WG_OK(wg_segment_section_end(writer, section, &error));
        free(copies[i]);
    }
    WG_OK(wg_segment_part_end(writer, part.rows, part.sequence, &error));
    WG_OK(wg_segment_finish(writer, &size, NULL, &error));
    wg_segment_writer_destroy(writer);
    open_collection(f);
}

static void frame_as_it_is(uint8_t *frame)
{
    (void)frame;
}

static void frame_newer(uint8_t *frame)
{
    wg_put32(frame, WG_CODES_FRAME_VERSION + 1);
}

static void frame_of_another_segment(uint8_t *frame)
{
    frame[52] ^= 1;
}

static void frame_of_other_rows(uint8_t *frame)
{
    frame[32] ^= 1;
}

static void frame_of_another_dimension(uint8_t *frame)
{
    frame[16] ^= 1;
}

static void frame_without_meaning(uint8_t *frame)
{
    float nan = NAN;
    memcpy(frame + WG_CODES_FRAME_SIZE + 4, &nan, sizeof nan);
}

WG_TEST(codes_of_another_part_or_a_newer_format_are_removed_with_the_reason)
{
    static const struct {
        void (*change)(uint8_t *frame);
        const char *reason;
    } cases[] = {
        {frame_newer,                "the format of the codes is 2"},
        {frame_of_another_segment,   "another part"                },
        {frame_of_other_rows,        "another part"                },
        {frame_of_another_dimension, "another part"                },
        {frame_without_meaning,      "not finite"                  },
    };

    fixture f;
    begin_coded(&f);
    frame_change(&f, frame_as_it_is);
    check_coded(&f, 1, 0); // writing it anew alone is no reason
    for (size_t i = 0; i < WG_COUNT(cases); i++) {
        frame_change(&f, cases[i].change);
        WG_CHECK_U64(f.dropped, 1);
        WG_CHECK(strstr(f.line, cases[i].reason) != NULL);
        WG_CHECK(file_find(&f, ".codes", NULL) == NULL);
        check_answers(&f);
        make(&f);
        WG_CHECK_U64(check_codes(&f, CERTIFIED_KINDS), 1);
    }
    end(&f);
}

WG_TEST(codes_without_a_segment_are_leftovers)
{
    fixture f;
    begin_coded(&f);
    close_database(&f);
    copy_bytes(f.disk, "db/seg/1-900-p0.codes", (const uint8_t *)"x", 1);
    open_collection(&f);
    WG_CHECK(file_find(&f, "900-p0.codes", NULL) == NULL);
    check_coded(&f, 1, 0);
    put(&f, 2000, POINTS, false);
    seal(&f);
    WG_CHECK(file_find(&f, "1-901.wseg", NULL) != NULL); // numbers are not given twice
    end(&f);
}

WG_TEST(a_reader_uses_codes_and_changes_nothing)
{
    waggle_error error;
    fixture f;
    uint64_t size = 0;
    begin_coded(&f);
    f.read_only = true;
    reopen(&f);
    check_coded(&f, 1, 0);
    WG_CHECK_U64(check_codes(&f, CERTIFIED_KINDS), 1);
    check_answers(&f);
    WG_FAILS(WAGGLE_READ_ONLY, waggle_codes_wait(f.database, 0, &error));
    close_database(&f);
    const char *path = file_find(&f, ".codes", &size);
    sim_disk_flip(f.disk, path, (size - 1) * 8);
    open_collection(&f);
    WG_CHECK_U64(f.dropped, 1);
    check_coded(&f, 0, 1);
    check_answers(&f);
    WG_CHECK(file_find(&f, ".codes", NULL) != NULL);
    end(&f);
}

WG_TEST(snapshots_take_no_codes_along_and_they_are_made_again)
{
    waggle_error error;
    fixture f;
    begin_coded(&f);
    WG_OK(waggle_snapshot_create(f.database, NULL, "s", NULL, &error));
    WG_CHECK(strstr(file_find(&f, ".codes", NULL), "snapshots") == NULL); // one file, and not there
    WG_OK(waggle_snapshot_restore(f.database, "s", "c", "d", &error));
    waggle_collection_close(f.collection);
    WG_OK(waggle_collection_open(f.database, "d", &f.collection, &error));
    check_coded(&f, 0, 1);
    check_answers(&f);
    make(&f);
    WG_CHECK_U64(check_codes(&f, CERTIFIED_KINDS), 1);
    check_answers(&f);
    end(&f);
}

// ---- What fails while they are made --------------------------------------------------------------

WG_TEST(a_full_disk_keeps_codes_from_being_made_until_there_is_room)
{
    waggle_error error;
    fixture f = {0};
    begin_with(&f, WAGGLE_L2, WAGGLE_F32, WAGGLE_SCAN_CERTIFIED);
    put(&f, 0, POINTS, false);
    seal(&f);
    uint64_t used = 0;
    for (size_t i = 0; i < sim_disk_files(f.disk); i++) {
        uint64_t size = 0;
        (void)sim_disk_file(f.disk, i, &size);
        used += size;
    }
    for (uint64_t room = 0; room < 40000; room += 4001) {
        sim_disk_space(f.disk, used + room);
        f.not_made = 0;
        if (waggle_codes_wait(f.database, 0, &error) == WAGGLE_OK)
            fail_msg("%llu", (unsigned long long)room);
        WG_CHECK(error.status == WAGGLE_DISK_FULL);
        WG_CHECK_U64(f.not_made, 1);
        WG_CHECK(file_find(&f, ".codes", NULL) == NULL);
        check_answers(&f);
    }
    sim_disk_space(f.disk, UINT64_MAX);
    make(&f);
    WG_CHECK_U64(check_codes(&f, CERTIFIED_KINDS), 1);
    end(&f);
}

// Returns whether there was an n-th allocation while codes were made.
static bool memory_fails(uint64_t n, bool persistent)
{
    waggle_error error;
    test_heap heap;
    fixture f = {.heap = &heap};
    test_heap_init(&heap);
    begin_with(&f, WAGGLE_L2, WAGGLE_F32, WAGGLE_SCAN_CERTIFIED);
    put(&f, 0, 80, false);
    seal(&f);
    heap.failed = 0;
    heap.persistent = persistent;
    heap.fail_at = heap.calls + n;
    waggle_status status = waggle_codes_wait(f.database, 0, &error);
    heap.fail_at = 0;
    bool failed = heap.failed > 0;
    WG_CHECK(status == (failed ? WAGGLE_OUT_OF_MEMORY : WAGGLE_OK));
    check_answers(&f);
    make(&f);
    WG_CHECK_U64(check_codes(&f, CERTIFIED_KINDS), 1);
    WG_CHECK_U64(f.dropped, 0);
    end(&f);
    WG_CHECK_U64(heap.live, 0);
    return failed;
}

WG_TEST(each_allocation_of_making_codes_may_fail)
{
    uint64_t n = 1;
    while (memory_fails(n, false))
        n++;
    WG_CHECK(n > 10);
    for (uint64_t i = 1; i < n; i++)
        WG_CHECK(memory_fails(i, true));
}

WG_TEST(each_call_of_the_disk_may_fail_while_codes_are_made)
{
    waggle_error error;
    for (uint64_t n = 1;; n++) {
        fixture f = {0};
        begin_with(&f, WAGGLE_L2, WAGGLE_F32, WAGGLE_SCAN_CERTIFIED);
        put(&f, 0, 80, false);
        seal(&f);
        uint64_t before = sim_disk_failed(f.disk);
        sim_disk_fail(f.disk, SIM_ANY, n, WAGGLE_IO, false, true);
        (void)waggle_codes_wait(f.database, 0, &error);
        bool failed = sim_disk_failed(f.disk) > before;
        sim_disk_fail(f.disk, SIM_ANY, 0, WAGGLE_OK, false, false);
        check_answers(&f);
        // What could not be removed is in the way until the next opening.
        reopen(&f);
        make(&f);
        WG_CHECK_U64(check_codes(&f, CERTIFIED_KINDS), 1);
        check_answers(&f);
        end(&f);
        if (!failed) break;
    }
}

WG_TEST(rows_that_are_damaged_get_no_codes_and_others_do)
{
    waggle_error error;
    fixture f = {0};
    begin_with(&f, WAGGLE_L2, WAGGLE_F32, WAGGLE_SCAN_CERTIFIED);
    put(&f, 0, POINTS, false);
    seal(&f);
    close_database(&f);
    sim_disk_flip(f.disk, file_find(&f, ".wseg", NULL), (WG_BLOCK_SIZE / 64u) * 8u); // in the rows
    open_collection(&f);
    put(&f, 1000, POINTS, false);
    seal(&f);
    f.not_made = 0;
    WG_FAILS(WAGGLE_CORRUPT, waggle_codes_wait(f.database, 0, &error));
    WG_CHECK_U64(f.not_made, 1);
    check_coded(&f, 1, 1);
    end(&f);
}

// ---- Threads -------------------------------------------------------------------------------------

typedef struct searcher {
    fixture *f;
    wg_thread thread;
    _Atomic bool stop;
} searcher;

static void searcher_run(void *context)
{
    searcher *s = context;
    float row[DIM];
    while (!atomic_load(&s->stop)) {
        waggle_hits *hits = NULL;
        uint32_t count = 0;
        row_make(3, row);
        waggle_rows rows = waggle_rows_f32(row, 1, DIM);
        waggle_status status = waggle_search(
            s->f->collection, &rows, waggle_search_options(.k = 1, .scan = WAGGLE_SCAN_CERTIFIED),
            &hits, NULL);
        if (status != WAGGLE_OK || waggle_hits_at(hits, 0, &count)->score != 0) abort();
        waggle_hits_destroy(hits);
    }
}

WG_TEST(searches_go_on_while_codes_appear)
{
    waggle_error error;
    fixture f = {.threads = true};
    searcher s = {.f = &f};
    begin_with(&f, WAGGLE_L2, WAGGLE_F32, WAGGLE_SCAN_CERTIFIED);
    put(&f, 0, POINTS, false);
    WG_OK(wg_thread_start(&s.thread, "searcher", searcher_run, &s, &error));
    for (uint32_t i = 1; i < 10; i++) {
        put(&f, 1000 * i, POINTS, false);
        seal(&f);
        if (i % 3 == 0) WG_OK(waggle_compact(f.collection, &error));
        make(&f);
    }
    atomic_store(&s.stop, true);
    wg_thread_join(&s.thread);
    check_coded(&f, info_of(&f).segments, 0);
    check_answers(&f);
    end(&f);
}

WG_TEST(waiting_ends_with_the_time_and_closing_does_not_wait)
{
    waggle_error error;
    fixture f = {.threads = true};
    begin_with(&f, WAGGLE_L2, WAGGLE_F32, WAGGLE_SCAN_PROBABLE);
    put(&f, 0, POINTS, false);
    wg_mutex_lock(&f.database->making); // nothing is made meanwhile
    seal(&f);
    WG_FAILS_WITH(WAGGLE_TIMEOUT, "after 1 ms", waggle_codes_wait(f.database, 1, &error));
    wg_mutex_unlock(&f.database->making);
    make(&f);
    check_coded(&f, 1, 0);
    put(&f, 1000, 4 * POINTS, false);
    seal(&f);
    reopen(&f); // in the middle of it, or before, or after
    make(&f);
    check_coded(&f, 2, 0);
    WG_CHECK_U64(check_codes(&f, PROBABLE_KINDS), 2);
    end(&f);
}
