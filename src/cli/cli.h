// What every command has at hand: its arguments, how output is wanted, and how errors reach the user.
#pragma once

#include "cli/options.h"
#include "cli/output.h"

// Exit codes of the program, documented in the man page.
enum {
    CLI_EXIT_OK = 0,
    CLI_EXIT_ERROR = 1,
    CLI_EXIT_USAGE = 2,
    CLI_EXIT_NOT_FOUND = 3,
    CLI_EXIT_UNAVAILABLE = 4, // another process holds the database
};

typedef struct cli_context {
    cli_args args;
    cli_style style;      // of the results on the standard output
    bool quiet;           // no progress, no remarks
    bool yes;             // questions are answered with yes
    bool usage;           // the error is one of usage
    bool writes;          // the command opened the database to write
    const char *database; // path
    char hint[1024];      // lines below the error message
} cli_context;

// Reads the options that every command has. Errors are of usage.
waggle_status cli_init(cli_context *cli, waggle_error *error);

// Fails with an error of usage: exit code 2 and a pointer to the help.
waggle_status cli_usage(cli_context *cli, waggle_error *error, const char *format, ...)
    WG_PRINTF(3, 4);
// Marks an error that a helper reported as one of usage: return cli_is_usage(cli, status).
waggle_status cli_is_usage(cli_context *cli, waggle_status status);
// Adds a line below the error message of this command.
void cli_hint(cli_context *cli, const char *format, ...) WG_PRINTF(2, 3);
// Adds what helps whatever command failed so: of a newer format, and what a full or read-only disk still allows.
void cli_hint_status(cli_context *cli, waggle_status status);
// A remark on the standard error, unless --quiet.
void cli_say(const cli_context *cli, const char *format, ...) WG_PRINTF(2, 3);
// Asks on the terminal. --yes answers; without a terminal and without --yes it is an error of usage.
// WAGGLE_CANCELED if the answer is no.
waggle_status cli_confirm(cli_context *cli, const char *question, waggle_error *error);

int cli_exit_code(const cli_context *cli, waggle_status status);

static inline const char *cli_argument(const cli_context *cli, uint32_t index)
{
    return index < cli->args.argument_count ? cli->args.arguments[index] : NULL;
}
