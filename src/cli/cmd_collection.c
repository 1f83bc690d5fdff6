// create, list, info, drop and rename.
#include "cli/database.h"
#include "cli/import_state.h"
#include "cli/values.h"

#include <stdio.h>
#include <string.h>

// ---- create ------------------------------------------------------------------------------------

// The vectors of --vector, or the one of --dim. words receives copies that the specs point into.
static waggle_status read_specs(cli_context *cli, waggle_vector_spec *specs, uint32_t *count,
                                wg_arena *words, waggle_error *error)
{
    const cli_args *args = &cli->args;
    const char *type = cli_value(args, "type"), *metric = cli_value(args, "metric");
    const char *scan = cli_value(args, "scan"), *vector = NULL;
    uint64_t dim = 0;
    waggle_status status = cli_value_number(args, "dim", 1, WAGGLE_DIM_MAX, 0, &dim, error);

    if (status != WAGGLE_OK) return cli_is_usage(cli, status);
    for (*count = 0; (vector = cli_value_at(args, "vector", *count)) != NULL; ++*count) {
        if (dim != 0 || type != NULL || metric != NULL || scan != NULL) {
            return cli_usage(cli, error, "--vector says dimension, type, metric and scan itself");
        }
        if (*count == WAGGLE_VECTOR_NAMES_MAX) {
            return cli_usage(cli, error, "more than %u vectors", WAGGLE_VECTOR_NAMES_MAX);
        }
        char *copy = wg_arena_copy(words, vector, strlen(vector) + 1);
        if (copy == NULL) return wg_fail_memory(error, strlen(vector), "a vector's name");
        status = cli_spec_parse(copy, &specs[*count], error);
        if (status != WAGGLE_OK) return cli_is_usage(cli, status);
    }
    if (*count > 0) return WAGGLE_OK;
    if (dim == 0) {
        return cli_usage(cli, error, "create needs --dim N, or --vector NAME:DIM for each vector");
    }
    *count = 1;
    specs[0] = (waggle_vector_spec){.dim = (uint32_t)dim, .scan = cli_scan_of(scan)};
    if (type != NULL) status = waggle_type_parse(type, &specs[0].type, error);
    if (status == WAGGLE_OK && metric != NULL) {
        status = waggle_metric_parse(metric, &specs[0].metric, error);
    }
    return cli_is_usage(cli, status);
}

waggle_status cli_create(cli_context *cli, waggle_error *error)
{
    waggle_vector_spec specs[WAGGLE_VECTOR_NAMES_MAX];
    uint32_t count = 0;
    wg_arena words;
    waggle_database *database = NULL;
    waggle_collection *collection = NULL;
    const char *name = cli_argument(cli, 0);

    wg_arena_init(&words, NULL, WG_MEMORY_SCRATCH, 4096);
    waggle_status status = read_specs(cli, specs, &count, &words, error);
    if (status != WAGGLE_OK) goto cleanup;

    status = cli_database_open(cli, CLI_CREATE, 0, &database, error);
    if (status != WAGGLE_OK) goto cleanup;

    status = waggle_collection_create(
        database, name, waggle_collection_spec(.vector_count = count, .vectors = specs),
        &collection, error);
    if (status != WAGGLE_OK) goto cleanup;
    cli_import_states_forget(cli->database, name);
    cli_say(cli, "created %s in %s", name, cli->database);

cleanup:
    waggle_collection_close(collection);
    status = cli_database_close(database, status, error);
    wg_arena_finish(&words);
    return status;
}

// ---- list and info -----------------------------------------------------------------------------

static waggle_status put_specs(cli_output *output, const waggle_collection_info *info,
                               waggle_error *error)
{
    wg_buffer text;
    bool table = output->style.layout == CLI_TABLE;

    wg_buffer_init(&text, NULL, WG_MEMORY_SCRATCH);
    bool complete = table ? cli_specs_text(info->vectors, info->vector_count, &text)
                          : cli_specs_json(info->vectors, info->vector_count, &text);
    if (complete) cli_put_json(output, (const char *)text.data, text.size);
    waggle_status status =
        complete ? WAGGLE_OK : wg_fail_memory(error, text.size, "the vectors of a collection");
    wg_buffer_finish(&text);
    return status;
}

static uint64_t count_damaged(const waggle_collection_list *list)
{
    uint64_t damaged = 0;

    for (uint64_t i = 0; i < waggle_collection_list_count(list); i++) {
        damaged += waggle_collection_list_at(list, i)->damage != NULL;
    }
    return damaged;
}

static waggle_status put_listed(cli_output *output, const waggle_collection_info *info,
                                bool with_damage, waggle_error *error)
{
    cli_put_string(output, info->name);
    cli_put_u64(output, info->points);
    waggle_status status = put_specs(output, info, error);
    if (status != WAGGLE_OK) return status;
    cli_put_u64(output, info->segments);
    cli_put_size(output, info->bytes_disk);
    cli_put_string(output, info->index);
    cli_put_string(output, info->device);
    if (with_damage) cli_put_string(output, info->damage);
    cli_row_end(output);
    return WAGGLE_OK;
}

waggle_status cli_list(cli_context *cli, waggle_error *error)
{
    static const cli_column columns[] = {
        {"name",       false},
        {"points",     true },
        {"vectors",    false},
        {"segments",   true },
        {"bytes_disk", true },
        {"index",      false},
        {"device",     false},
        {"damage",     false},
    };
    waggle_database *database = NULL;
    waggle_collection_list *list = NULL;
    cli_output output;

    waggle_status status = cli_database_open(cli, CLI_READ, 0, &database, error);
    if (status != WAGGLE_OK) return status;
    status = waggle_collection_list_create(database, &list, error);
    if (status != WAGGLE_OK) return cli_database_close(database, status, error);

    // Programs always find the field; people see it when there is something to see.
    uint64_t damaged = count_damaged(list);
    bool with_damage = damaged > 0 || cli->style.layout != CLI_TABLE;
    cli_output_begin(&output, cli->style, columns, WG_COUNT(columns) - (with_damage ? 0 : 1));
    uint64_t count = waggle_collection_list_count(list);
    for (uint64_t i = 0; i < count && status == WAGGLE_OK; i++) {
        status = put_listed(&output, waggle_collection_list_at(list, i), with_damage, error);
    }
    waggle_status written = cli_output_end(&output, status == WAGGLE_OK ? error : NULL);
    waggle_collection_list_destroy(list);
    if (damaged > 0) {
        cli_say(cli, "%" PRIu64 " of %" PRIu64 " collections cannot be opened", damaged, count);
    }
    return cli_database_close(database, status == WAGGLE_OK ? written : status, error);
}

static waggle_status collection_info(cli_context *cli, waggle_error *error)
{
    static const cli_column columns[] = {
        {"name",             false},
        {"points",           true },
        {"vectors",          false},
        {"rows_dead",        true },
        {"rows_unsealed",    true },
        {"segments",         true },
        {"bytes_disk",       true },
        {"segments_coded",   true },
        {"segments_uncoded", true },
        {"bytes_codes",      true },
        {"bytes_memory",     true },
        {"sequence",         true },
        {"index",            false},
        {"device",           false},
    };
    cli_session session;
    cli_output output;
    waggle_status status =
        cli_session_open(cli, CLI_READ, cli_argument(cli, 0), 0, &session, error);

    if (status != WAGGLE_OK) return status;
    const waggle_collection_info *info = session.info;
    cli_output_record(&output, cli->style, columns, WG_COUNT(columns));
    cli_put_string(&output, info->name);
    cli_put_u64(&output, info->points);
    status = put_specs(&output, info, error);
    if (status == WAGGLE_OK) {
        cli_put_u64(&output, info->rows_dead);
        cli_put_u64(&output, info->rows_unsealed);
        cli_put_u64(&output, info->segments);
        cli_put_size(&output, info->bytes_disk);
        cli_put_u64(&output, info->segments_coded);
        cli_put_u64(&output, info->segments_uncoded);
        cli_put_size(&output, info->bytes_codes);
        cli_put_size(&output, info->bytes_memory);
        cli_put_u64(&output, info->sequence);
        cli_put_string(&output, info->index);
        cli_put_string(&output, info->device);
        cli_row_end(&output);
    }
    waggle_status written = cli_output_end(&output, status == WAGGLE_OK ? error : NULL);
    return cli_session_close(&session, status == WAGGLE_OK ? written : status, error);
}

static const char *durability_name(waggle_durability durability)
{
    switch (durability) {
    case WAGGLE_INTERVAL: return "interval";
    case WAGGLE_OFF: return "off";
    case WAGGLE_DURABILITY_DEFAULT:
    case WAGGLE_SYNC: break;
    }
    return "sync";
}

static void put_statistics(cli_output *output, const char *path, const waggle_statistics *s,
                           uint64_t damaged)
{
    cli_put_string(output, path);
    cli_put_u64(output, s->collections);
    cli_put_u64(output, damaged);
    cli_put_u64(output, s->points);
    cli_put_u64(output, s->rows_dead);
    cli_put_u64(output, s->rows_unsealed);
    cli_put_u64(output, s->segments);
    cli_put_size(output, s->bytes_disk);
    cli_put_size(output, s->bytes_log);
    cli_put_u64(output, s->sequence);
    cli_put_u64(output, s->sequence_durable);
    cli_put_string(output, durability_name(s->durability));
    cli_put_string(output, s->durability_evidence);
    cli_put_size(output, s->memory_limit);
    cli_put_size(output, s->memory_used);
    cli_put_size(output, s->memory_rows);
    cli_put_size(output, s->memory_ids);
    cli_put_size(output, s->memory_payload);
    cli_put_size(output, s->memory_log);
    cli_put_size(output, s->memory_index);
    cli_put_size(output, s->memory_scratch);
    cli_put_size(output, s->memory_other);
    cli_row_end(output);
}

static waggle_status database_info(cli_context *cli, waggle_error *error)
{
    static const cli_column columns[] = {
        {"database",            false},
        {"collections",         true },
        {"damaged",             true },
        {"points",              true },
        {"rows_dead",           true },
        {"rows_unsealed",       true },
        {"segments",            true },
        {"bytes_disk",          true },
        {"bytes_log",           true },
        {"sequence",            true },
        {"sequence_durable",    true },
        {"durability",          false},
        {"durability_evidence", false},
        {"memory_limit",        true },
        {"memory_used",         true },
        {"memory_rows",         true },
        {"memory_ids",          true },
        {"memory_payload",      true },
        {"memory_log",          true },
        {"memory_index",        true },
        {"memory_scratch",      true },
        {"memory_other",        true },
    };
    waggle_database *database = NULL;
    waggle_collection_list *list = NULL;
    waggle_statistics statistics = {.struct_size = sizeof(statistics)};
    cli_output output;
    waggle_status status = cli_database_open(cli, CLI_READ, 0, &database, error);

    if (status != WAGGLE_OK) return status;
    // Opens every collection: of others the statistics know rows, not which of them are dead.
    status = waggle_collection_list_create(database, &list, error);
    uint64_t damaged = status == WAGGLE_OK ? count_damaged(list) : 0;
    waggle_collection_list_destroy(list);
    if (status == WAGGLE_OK) status = waggle_statistics_get(database, &statistics, error);
    if (status == WAGGLE_OK) {
        cli_output_record(&output, cli->style, columns, WG_COUNT(columns));
        put_statistics(&output, cli->database, &statistics, damaged);
        status = cli_output_end(&output, error);
    }
    return cli_database_close(database, status, error);
}

waggle_status cli_info(cli_context *cli, waggle_error *error)
{
    return cli_argument(cli, 0) == NULL ? database_info(cli, error) : collection_info(cli, error);
}

// ---- drop and rename ---------------------------------------------------------------------------

// To be dropped or renamed, a damaged collection need not be opened: then session->info is NULL.
static waggle_status open_to_change(cli_context *cli, const char *name, cli_session *session,
                                    waggle_error *error)
{
    waggle_status status = cli_session_open(cli, CLI_WRITE, name, 0, session, error);

    if (status != WAGGLE_CORRUPT) return status;
    char why[sizeof(error->message)];
    snprintf(why, sizeof(why), "%s", error->message);
    status = cli_database_open(cli, CLI_WRITE, 0, &session->database, error);
    if (status == WAGGLE_OK) cli_say(cli, "%s cannot be opened: %s", name, why);
    return status;
}

static waggle_status drop_confirm(cli_context *cli, const char *name, const char *contents,
                                  waggle_error *error)
{
    char question[512];

    snprintf(question, sizeof(question), "Drop %s with %s?", name, contents);
    return cli_confirm(cli, question, error);
}

waggle_status cli_drop(cli_context *cli, waggle_error *error)
{
    const char *name = cli_argument(cli, 0);
    cli_session session;
    char contents[64] = "all that is left of it";
    waggle_status status = open_to_change(cli, name, &session, error);

    if (status != WAGGLE_OK) return status;
    if (session.info != NULL) {
        snprintf(contents, sizeof(contents), "its %" PRIu64 " points", session.info->points);
    }
    status = drop_confirm(cli, name, contents, error);
    if (status == WAGGLE_OK) status = waggle_collection_drop(session.database, name, error);
    if (status == WAGGLE_OK) {
        cli_import_states_forget(cli->database, name);
        cli_say(cli, "dropped %s with %s", name, contents);
    }
    return cli_session_close(&session, status, error);
}

static bool collection_exists(waggle_database *database, const char *name)
{
    waggle_collection *collection = NULL;
    bool exists = waggle_collection_open(database, name, &collection, NULL) == WAGGLE_OK;

    waggle_collection_close(collection);
    return exists;
}

// Interrupted imports go on under the new name.
static waggle_status rename_with_imports(cli_context *cli, waggle_database *database,
                                         const char *name, const char *new_name,
                                         waggle_error *error)
{
    // A name that is taken has imports of its own; the library refuses it.
    bool is_free = !collection_exists(database, new_name);
    waggle_status status = WAGGLE_OK;

    if (is_free) {
        cli_import_states_forget(cli->database, new_name);
        status = cli_import_states_copy(cli->database, name, new_name, error);
    }
    if (status == WAGGLE_OK) status = waggle_collection_rename(database, name, new_name, error);
    if (is_free) cli_import_states_forget(cli->database, status == WAGGLE_OK ? name : new_name);
    return status;
}

waggle_status cli_rename(cli_context *cli, waggle_error *error)
{
    const char *name = cli_argument(cli, 0), *new_name = cli_argument(cli, 1);
    cli_session session;
    waggle_status status = open_to_change(cli, name, &session, error);

    if (status != WAGGLE_OK) return status;
    status = rename_with_imports(cli, session.database, name, new_name, error);
    if (status == WAGGLE_OK) cli_say(cli, "renamed %s to %s", name, new_name);
    return cli_session_close(&session, status, error);
}
