// snapshot create, list, restore and delete.
#include "base/vfs.h"
#include "cli/database.h"

#include <stdio.h>
#include <string.h>

static void print_rows(cli_output *output, const waggle_snapshot_list *list)
{
    for (uint64_t i = 0; i < waggle_snapshot_list_count(list); i++) {
        const waggle_snapshot_info *info = waggle_snapshot_list_at(list, i);
        cli_put_string(output, info->name);
        cli_put_string(output, info->collection);
        cli_put_size(output, info->bytes);
        cli_put_u64(output, info->created_s);
        cli_put_u64(output, info->sequence);
        cli_row_end(output);
    }
}

static waggle_status print_snapshots(const cli_context *cli, const waggle_snapshot_list *list,
                                     bool one, waggle_error *error)
{
    static const cli_column columns[] = {
        {"name",       false},
        {"collection", false},
        {"bytes",      true },
        {"created_s",  true },
        {"sequence",   true },
    };
    cli_output output;

    if (one) cli_output_record(&output, cli->style, columns, WG_COUNT(columns));
    if (!one) cli_output_begin(&output, cli->style, columns, WG_COUNT(columns));
    print_rows(&output, list);
    return cli_output_end(&output, error);
}

waggle_status cli_snapshot_create(cli_context *cli, waggle_error *error)
{
    waggle_database *database = NULL;
    waggle_snapshot_list *list = NULL;
    waggle_status status = cli_database_open(cli, CLI_WRITE, 0, &database, error);

    if (status != WAGGLE_OK) return status;
    status = waggle_snapshot_create(database, cli_argument(cli, 0), cli_value(&cli->args, "name"),
                                    &list, error);
    if (status == WAGGLE_OK) status = print_snapshots(cli, list, true, error);
    waggle_snapshot_list_destroy(list);
    return cli_database_close(database, status, error);
}

waggle_status cli_snapshot_list(cli_context *cli, waggle_error *error)
{
    waggle_database *database = NULL;
    waggle_snapshot_list *list = NULL;
    waggle_status status = cli_database_open(cli, CLI_READ, 0, &database, error);

    if (status != WAGGLE_OK) return status;
    status = waggle_snapshot_list_create(database, &list, error);
    if (status == WAGGLE_OK) status = print_snapshots(cli, list, false, error);
    waggle_snapshot_list_destroy(list);
    return cli_database_close(database, status, error);
}

// The whole database, into a new folder. The one it was made of need not even open.
static waggle_status restore_database(cli_context *cli, const char *target, waggle_error *error)
{
    char folder[WG_PATH_SIZE_MAX], path[WG_PATH_SIZE_MAX];
    const char *name = cli_argument(cli, 0);

    if (cli_value(&cli->args, "collection") != NULL || cli_value(&cli->args, "as") != NULL) {
        return cli_usage(cli, error, "--to restores all collections, under their own names");
    }
    waggle_status status = wg_path_join(folder, cli->database, "snapshots", error);
    if (status == WAGGLE_OK) status = wg_path_join(path, folder, name, error);
    if (status == WAGGLE_OK) status = waggle_snapshot_restore_database(path, target, error);
    if (status == WAGGLE_OK) cli_say(cli, "restored %s into %s", name, target);
    return status;
}

waggle_status cli_snapshot_restore(cli_context *cli, waggle_error *error)
{
    const char *name = cli_argument(cli, 0);
    const char *target = cli_value(&cli->args, "to");
    waggle_database *database = NULL;

    if (target != NULL) return restore_database(cli, target, error);
    waggle_status status = cli_database_open(cli, CLI_WRITE, 0, &database, error);
    if (status != WAGGLE_OK) return status;
    status = waggle_snapshot_restore(database, name, cli_value(&cli->args, "collection"),
                                     cli_value(&cli->args, "as"), error);
    if (status == WAGGLE_EXISTS) cli_hint(cli, "--as NAME restores it under another name.");
    if (status == WAGGLE_INVALID) {
        cli_hint(cli, "--collection C chooses one of several; --to DIR restores all of them into a "
                      "new database.");
    }
    if (status == WAGGLE_OK) cli_say(cli, "restored from %s", name);
    return cli_database_close(database, status, error);
}

waggle_status cli_snapshot_delete(cli_context *cli, waggle_error *error)
{
    const char *name = cli_argument(cli, 0);
    waggle_database *database = NULL;
    char question[512];

    snprintf(question, sizeof(question), "Delete the snapshot %.255s?", name);
    waggle_status status = cli_confirm(cli, question, error);
    if (status != WAGGLE_OK) return status;
    status = cli_database_open(cli, CLI_WRITE, 0, &database, error);
    if (status != WAGGLE_OK) return status;
    status = waggle_snapshot_delete(database, name, error);
    if (status == WAGGLE_OK) cli_say(cli, "deleted the snapshot %s", name);
    return cli_database_close(database, status, error);
}
