#include "cli/help.h"

#include "cli/output.h"

#include <string.h>

#define HELP_COLUMN 26 // where the explanation of an option begins
#define HELP_WIDTH 80

// "-k, --queries FILE"; what an option looks like.
static size_t option_text(char *text, size_t capacity, const cli_option *option)
{
    bool short_name = option->letter != 0;
    bool long_name = option->name[1] != '\0';
    wg_buffer buffer = {0};
    size_t size = 0;

    wg_buffer_init(&buffer, NULL, WG_MEMORY_SCRATCH);
    if (short_name) cli_append(&buffer, "-%c", option->letter);
    if (short_name && long_name) cli_append(&buffer, ", ");
    if (!short_name) cli_append(&buffer, "    ");
    if (long_name) cli_append(&buffer, "--%s", option->name);
    if (option->kind != CLI_FLAG) cli_append(&buffer, " %s", option->value);
    size = WG_MIN(buffer.size, capacity - 1);
    if (size > 0) memcpy(text, buffer.data, size);
    text[size] = '\0';
    wg_buffer_finish(&buffer);
    return size;
}

// Words of help, wrapped behind the column of options.
static bool wrap(wg_buffer *text, const char *words, size_t at)
{
    bool complete = true;

    while (*words != '\0') {
        size_t size = strcspn(words, " ");
        if (at + 1 + size > HELP_WIDTH && at > HELP_COLUMN) {
            complete &= cli_append(text, "\n%*s", HELP_COLUMN, "");
            at = HELP_COLUMN;
        } else if (at > HELP_COLUMN) {
            complete &= cli_append(text, " ");
            at++;
        }
        complete &= wg_buffer_append(text, words, size);
        at += size;
        words += size;
        words += strspn(words, " ");
    }
    return complete && cli_append(text, "\n");
}

static bool help_options(const cli_option *options, wg_buffer *text)
{
    char name[64];
    bool complete = true;

    for (const cli_option *option = options; option != NULL && option->name != NULL; option++) {
        size_t size = option_text(name, sizeof(name), option) + 2;
        complete &= cli_append(text, "  %s", name);
        if (size + 1 >= HELP_COLUMN) {
            complete &= cli_append(text, "\n");
            size = 0;
        }
        complete &= cli_append(text, "%*s", HELP_COLUMN - (int)size, "");
        complete &= wrap(text, option->help, HELP_COLUMN);
    }
    return complete;
}

bool cli_help_program(const cli_program *program, wg_buffer *text)
{
    bool complete = cli_append(text, "%s: %s\n\nUsage: %s COMMAND [arguments] [options]\n\n",
                               program->name, program->summary, program->name);

    for (const cli_command *c = program->commands; c->name != NULL; c++) {
        complete &= cli_append(text, "  %-*s%s\n", HELP_COLUMN - 2, c->name, c->summary);
    }
    complete &= cli_append(text, "\nOptions of every command:\n");
    complete &= help_options(program->options, text);
    return complete && cli_append(text, "\n%s\n`%s help COMMAND` explains one.\n", program->text,
                                  program->name);
}

static bool synopsis(const cli_program *program, const cli_command *command, wg_buffer *text)
{
    bool complete = cli_append(text, "%s %s", program->name, command->name);

    if (command->arguments[0] != '\0') complete &= cli_append(text, " %s", command->arguments);
    return complete && cli_append(text, "%s", command->options == NULL ? "" : " [options]");
}

bool cli_help_command(const cli_program *program, const cli_command *command, wg_buffer *text)
{
    bool complete = cli_append(text, "Usage: ");

    complete &= synopsis(program, command, text);
    complete &= cli_append(text, "\n\n%s.\n\n%s", command->summary, command->text);
    if (command->options != NULL) {
        complete &= cli_append(text, "\nOptions:\n");
        complete &= help_options(command->options, text);
    }
    complete &= cli_append(text, "\nOptions of every command:\n");
    complete &= help_options(program->options, text);
    return complete && cli_append(text, "\nExamples:\n%s", command->example);
}

// ---- docs/cli.md -------------------------------------------------------------------------------

static bool markdown_options(const cli_option *options, wg_buffer *text)
{
    char name[64];
    bool complete = cli_append(text, "\n| option | meaning |\n|---|---|\n");

    for (const cli_option *option = options; option->name != NULL; option++) {
        option_text(name, sizeof(name), option);
        complete &= cli_append(text, "| `%s` | ", name + strspn(name, " "));
        for (const char *at = option->help; *at != '\0'; at++) {
            complete &= cli_append(text, *at == '|' ? "\\%c" : "%c", *at);
        }
        complete &= cli_append(text, " |\n");
    }
    return complete;
}

// The lines of text, each indented by four spaces if code.
static bool markdown_lines(const char *lines, bool code, wg_buffer *text)
{
    bool complete = true;

    while (*lines != '\0') {
        size_t size = strcspn(lines, "\n");
        bool indent = code && size > 0;
        complete &= cli_append(text, "%s%.*s\n", indent ? "    " : "", (int)size, lines);
        lines += size + (lines[size] == '\n');
    }
    return complete;
}

static bool markdown_command(const cli_program *program, const cli_command *command,
                             wg_buffer *text)
{
    bool complete = cli_append(text, "\n## %s\n\n%s.\n\n    ", command->name, command->summary);

    complete &= synopsis(program, command, text);
    complete &= cli_append(text, "\n\n");
    complete &= markdown_lines(command->text, false, text);
    if (command->options != NULL) complete &= markdown_options(command->options, text);
    complete &= cli_append(text, "\nExamples:\n\n");
    return complete && markdown_lines(command->example, true, text);
}

bool cli_help_markdown(const cli_program *program, wg_buffer *text)
{
    bool complete = cli_append(text,
                               "# The command line\n\n"
                               "This page is printed by `%s man --markdown`; the program's table "
                               "of commands is its only source.\n\n%s: %s\n\n    %s COMMAND "
                               "[arguments] [options]\n\n| command | what it does |\n|---|---|\n",
                               program->name, program->name, program->summary, program->name);

    for (const cli_command *c = program->commands; c->name != NULL; c++) {
        complete &= cli_append(text, "| `%s` | %s |\n", c->name, c->summary);
    }
    complete &= cli_append(text, "\n");
    complete &= markdown_lines(program->text, false, text);
    complete &= cli_append(text, "\n## Options of every command\n");
    complete &= markdown_options(program->options, text);
    for (const cli_command *c = program->commands; c->name != NULL; c++) {
        complete &= markdown_command(program, c, text);
    }
    return complete;
}
