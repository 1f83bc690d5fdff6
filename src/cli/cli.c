#include "cli/cli.h"

#include "base/system.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char default_database[] = "./waggle.db";

waggle_status cli_init(cli_context *cli, waggle_error *error)
{
    bool terminal = wg_is_terminal(1);
    const char *output = cli_value(&cli->args, "output");
    const char *database = cli_value(&cli->args, "db");

    cli->quiet = cli_has(&cli->args, "quiet");
    cli->yes = cli_has(&cli->args, "yes");
    cli->style = (cli_style){
        .layout = terminal ? CLI_TABLE : CLI_JSONL,
        .color = terminal && wg_environment("NO_COLOR") == NULL,
        .width = terminal ? wg_terminal_width(1) : 0,
    };
    if (database == NULL) database = wg_environment("WAGGLE_DB");
    cli->database = database == NULL ? default_database : database;
    if (cli->database[0] == '\0') {
        return cli_usage(cli, error, "--db is empty; it is the path of a folder");
    }
    if (output == NULL) return WAGGLE_OK;
    return cli_is_usage(cli, cli_layout_parse(output, &cli->style.layout, error));
}

waggle_status cli_usage(cli_context *cli, waggle_error *error, const char *format, ...)
{
    char message[sizeof(error->message)];
    va_list list;

    va_start(list, format);
    vsnprintf(message, sizeof(message), format, list);
    va_end(list);
    cli->usage = true;
    return wg_fail(error, WAGGLE_INVALID, "%s", message);
}

waggle_status cli_is_usage(cli_context *cli, waggle_status status)
{
    if (status != WAGGLE_OK) cli->usage = true;
    return status;
}

void cli_hint(cli_context *cli, const char *format, ...)
{
    size_t used = strlen(cli->hint);
    va_list list;

    if (used + 2 >= sizeof(cli->hint)) return;
    if (used > 0) cli->hint[used++] = '\n';
    va_start(list, format);
    vsnprintf(cli->hint + used, sizeof(cli->hint) - used, format, list);
    va_end(list);
}

static void hint_full(cli_context *cli)
{
    uint64_t available = 0, total = 0;
    const double mib = 1 << 20;

    if (wg_disk_space(cli->database, &available, &total, NULL) == WAGGLE_OK) {
        cli_hint(cli, "%.1f of %.1f MiB are free on the disk of %s.", (double)available / mib,
                 (double)total / mib, cli->database);
    }
    cli_hint(cli, "Searching and deleting go on. waggle drop, or waggle delete and waggle compact, "
                  "make room.");
}

void cli_hint_status(cli_context *cli, waggle_status status)
{
    if (status == WAGGLE_FORMAT_VERSION) cli_hint(cli, "A newer waggle reads it.");
    if (!cli->writes) return;
    if (status == WAGGLE_DISK_FULL) hint_full(cli);
    if (status == WAGGLE_READ_ONLY) {
        cli_hint(cli, "What only reads goes on: search, get, count, list, info, export, verify.");
    }
}

void cli_say(const cli_context *cli, const char *format, ...)
{
    va_list list;

    if (cli->quiet) return;
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
}

waggle_status cli_confirm(cli_context *cli, const char *question, waggle_error *error)
{
    char answer[16] = "";

    if (cli->yes) return WAGGLE_OK;
    if (!wg_is_terminal(0)) {
        return cli_usage(cli, error, "%s needs --yes when there is no terminal to ask on",
                         cli->args.command->name);
    }
    fprintf(stderr, "%s [y/N] ", question);
    fflush(stderr);
    bool yes = fgets(answer, sizeof(answer), stdin) != NULL &&
               (strcmp(answer, "y\n") == 0 || strcmp(answer, "yes\n") == 0);
    return yes ? WAGGLE_OK : wg_fail(error, WAGGLE_CANCELED, "nothing was changed");
}

int cli_exit_code(const cli_context *cli, waggle_status status)
{
    if (status == WAGGLE_OK) return CLI_EXIT_OK;
    if (cli->usage) return CLI_EXIT_USAGE;
    if (status == WAGGLE_NOT_FOUND) return CLI_EXIT_NOT_FOUND;
    if (status == WAGGLE_LOCKED || status == WAGGLE_TIMEOUT) return CLI_EXIT_UNAVAILABLE;
    return CLI_EXIT_ERROR;
}
