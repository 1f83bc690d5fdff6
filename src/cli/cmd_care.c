// verify and compact.
#include "cli/database.h"

#include <stdio.h>

// ---- verify ------------------------------------------------------------------------------------

static void print_finding(void *context, const char *file, const char *finding)
{
    (void)context;
    fprintf(stderr, "waggle: %s: %s\n", file, finding);
}

static waggle_status print_report(const cli_context *cli, const waggle_verify_report *report,
                                  waggle_error *error)
{
    static const cli_column columns[] = {
        {"files",    true},
        {"blocks",   true},
        {"bytes",    true},
        {"points",   true},
        {"findings", true},
        {"unknown",  true},
    };
    cli_output output;

    cli_output_record(&output, cli->style, columns, WG_COUNT(columns));
    cli_put_u64(&output, report->files);
    cli_put_u64(&output, report->blocks);
    cli_put_size(&output, report->bytes);
    cli_put_u64(&output, report->points);
    cli_put_u64(&output, report->findings);
    cli_put_u64(&output, report->unknown);
    cli_row_end(&output);
    return cli_output_end(&output, error);
}

waggle_status cli_verify(cli_context *cli, waggle_error *error)
{
    waggle_database *database = NULL;
    waggle_verify_report report = {0};
    waggle_status status = cli_database_open(cli, CLI_READ, 0, &database, error);

    if (status != WAGGLE_OK) return status;
    status = waggle_verify(database, print_finding, NULL, &report, error);
    if (status == WAGGLE_OK || status == WAGGLE_CORRUPT) {
        waggle_status printed = print_report(cli, &report, status == WAGGLE_OK ? error : NULL);
        if (status == WAGGLE_OK) status = printed;
    }
    if (status == WAGGLE_CORRUPT) {
        cli_hint(cli, "waggle export saves what can still be read; waggle snapshot list shows "
                      "older states.");
    }
    return cli_database_close(database, status, error);
}

// ---- compact -----------------------------------------------------------------------------------

static waggle_status compact_one(cli_context *cli, waggle_database *database, const char *name,
                                 waggle_error *error)
{
    waggle_collection *collection = NULL;
    waggle_status status = cli_collection_open(cli, database, name, &collection, error);

    if (status != WAGGLE_OK) return status;
    status = waggle_compact(collection, error);
    waggle_collection_close(collection);
    if (status != WAGGLE_OK) return wg_fail_context(error, status, "%s", name);
    cli_say(cli, "compacted %s", name);
    return WAGGLE_OK;
}

// Damage of one collection is reported when all others are done.
static waggle_status compact_all(cli_context *cli, waggle_database *database, waggle_error *error)
{
    waggle_collection_list *list = NULL;
    waggle_status damage = WAGGLE_OK;
    waggle_status status = waggle_collection_list_create(database, &list, error);
    uint64_t count = status == WAGGLE_OK ? waggle_collection_list_count(list) : 0;

    for (uint64_t i = 0; i < count && status == WAGGLE_OK; i++) {
        waggle_error why = {0};
        status = compact_one(cli, database, waggle_collection_list_at(list, i)->name, &why);
        bool is_damage = status == WAGGLE_CORRUPT || status == WAGGLE_FORMAT_VERSION;
        if (status != WAGGLE_OK && (!is_damage || damage == WAGGLE_OK)) *error = why;
        if (!is_damage) continue;
        if (damage != WAGGLE_OK) cli_hint(cli, "%s", why.message); // the first is the error
        if (damage == WAGGLE_OK) damage = status;
        status = WAGGLE_OK;
    }
    waggle_collection_list_destroy(list);
    return status == WAGGLE_OK ? damage : status;
}

waggle_status cli_compact(cli_context *cli, waggle_error *error)
{
    waggle_database *database = NULL;
    const char *name = cli_argument(cli, 0);
    waggle_status status = cli_database_open(cli, CLI_WRITE, 0, &database, error);

    if (status != WAGGLE_OK) return status;
    status =
        name == NULL ? compact_all(cli, database, error) : compact_one(cli, database, name, error);
    if (status == WAGGLE_OK) cli_codes_wait(cli, database);
    if (status == WAGGLE_CORRUPT) cli_hint(cli, "waggle verify lists what is damaged.");
    return cli_database_close(database, status, error);
}
