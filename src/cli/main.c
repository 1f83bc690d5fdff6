// The program: parses the command line, runs the command, and turns a status into words and an exit code.
#include "cli/cli.h"
#include "cli/help.h"

#include <stdio.h>
#include <string.h>

static void print_error(const cli_context *cli, const waggle_error *error)
{
    const char *line = cli->hint;

    fprintf(stderr, "waggle: %s\n", error->message);
    while (*line != '\0') {
        size_t size = strcspn(line, "\n");
        fprintf(stderr, "  %.*s\n", (int)size, line);
        line += size + (line[size] == '\n');
    }
    if (!cli->usage) return;
    if (cli->args.command == NULL) {
        fprintf(stderr, "  Try: waggle help\n");
    } else {
        fprintf(stderr, "  Try: waggle help %s\n", cli->args.command->name);
    }
}

static waggle_status print_help(const cli_command *command, waggle_error *error)
{
    wg_buffer text;

    wg_buffer_init(&text, NULL, WG_MEMORY_SCRATCH);
    bool complete = command == NULL ? cli_help_program(&cli_waggle, &text)
                                    : cli_help_command(&cli_waggle, command, &text);
    waggle_status status =
        complete ? cli_print_buffer(&text, error) : wg_fail_memory(error, text.size, "the help");
    wg_buffer_finish(&text);
    return status;
}

static waggle_status print_version(waggle_error *error)
{
    bool written = printf("waggle %s\n", waggle_version()) > 0 && fflush(stdout) == 0;
    return written ? WAGGLE_OK
                   : wg_fail(error, WAGGLE_IO, "could not write to the standard output");
}

static waggle_status run(cli_context *cli, int argc, char **argv, waggle_error *error)
{
    waggle_status status = cli_args_parse(&cli_waggle, argc, argv, &cli->args, error);

    if (status != WAGGLE_OK) return cli_is_usage(cli, status);
    if (cli_has(&cli->args, "help")) return print_help(cli->args.command, error);
    if (cli_has(&cli->args, "version")) return print_version(error);
    status = cli_init(cli, error);
    if (status != WAGGLE_OK) return status;
    if (cli->args.command == NULL) return cli_usage(cli, error, "which command?");
    return cli->args.command->run(cli, error);
}

int main(int argc, char **argv)
{
    static cli_context cli;
    waggle_error error = {0};
    waggle_status status = run(&cli, argc, argv, &error);

    cli_hint_status(&cli, status);
    if (status != WAGGLE_OK) print_error(&cli, &error);
    return cli_exit_code(&cli, status);
}
