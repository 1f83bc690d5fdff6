// help, man and completions: what the table of commands says about itself.
#include "cli/cli.h"
#include "cli/help.h"

#include <stdio.h>
#include <string.h>

static waggle_status print_and_finish(wg_buffer *text, bool complete, waggle_error *error)
{
    waggle_status status =
        complete ? cli_print_buffer(text, error) : wg_fail_memory(error, text->size, "the help");
    wg_buffer_finish(text);
    return status;
}

waggle_status cli_help(cli_context *cli, waggle_error *error)
{
    const cli_program *program = cli->args.program;
    const char *first = cli_argument(cli, 0);
    const char *second = cli_argument(cli, 1);
    const cli_command *command = NULL;
    wg_buffer text;
    bool complete = true;
    bool found = first == NULL;
    char name[128];

    wg_buffer_init(&text, NULL, WG_MEMORY_SCRATCH);
    if (first == NULL) {
        complete = cli_help_program(program, &text);
    } else {
        snprintf(name, sizeof(name), "%s%s%s", first, second == NULL ? "" : " ",
                 second == NULL ? "" : second);
        size_t size = strlen(name);
        // "help snapshot" is about all of its commands.
        for (command = program->commands; command->name != NULL; command++) {
            bool one = strcmp(command->name, name) == 0;
            bool group = strncmp(command->name, name, size) == 0 && command->name[size] == ' ';
            if (!one && !group) continue;
            if (found) complete &= cli_append(&text, "\n");
            found = true;
            complete &= cli_help_command(program, command, &text);
        }
    }
    if (found) return print_and_finish(&text, complete, error);
    wg_buffer_finish(&text);

    cli_suggestion suggestion = cli_suggestion_for(name);
    for (command = program->commands; command->name != NULL; command++) {
        cli_suggestion_offer(&suggestion, command->name);
    }
    const char *meant = cli_suggestion_get(&suggestion);
    if (meant != NULL) cli_hint(cli, "Did you mean %s?", meant);
    return cli_usage(cli, error, "there is no command \"%s\"", name);
}

waggle_status cli_man(cli_context *cli, waggle_error *error)
{
    wg_buffer text;
    bool markdown = cli_has(&cli->args, "markdown");

    wg_buffer_init(&text, NULL, WG_MEMORY_SCRATCH);
    bool complete = markdown ? cli_help_markdown(cli->args.program, &text)
                             : cli_help_man(cli->args.program, &text);
    return print_and_finish(&text, complete, error);
}

waggle_status cli_completions(cli_context *cli, waggle_error *error)
{
    static const struct {
        const char *shell;
        bool (*print)(const cli_program *program, wg_buffer *text);
    } shells[] = {
        {"bash", cli_complete_bash},
        {"zsh",  cli_complete_zsh },
        {"fish", cli_complete_fish},
    };

    const char *shell = cli_argument(cli, 0);
    wg_buffer text;

    for (size_t i = 0; i < WG_COUNT(shells); i++) {
        if (strcmp(shell, shells[i].shell) != 0) continue;
        wg_buffer_init(&text, NULL, WG_MEMORY_SCRATCH);
        bool complete = shells[i].print(cli->args.program, &text);
        return print_and_finish(&text, complete, error);
    }
    return cli_usage(cli, error, "there are no completions for \"%s\"; there are: bash, zsh, fish",
                     shell);
}
