// The manual page in the language of mdoc(7), which man(1) shows on every Unix.
#include "cli/help.h"
#include "cli/output.h"

#include <string.h>

// Running text: backslashes are escaped, lines that would be requests are guarded, and an empty line is
// a paragraph.
static bool put_text(wg_buffer *text, const char *lines)
{
    bool complete = true;
    bool line_start = true;

    for (const char *at = lines; *at != '\0'; at++) {
        if (line_start && *at == '\n') {
            complete &= cli_append(text, ".Pp");
        } else if (line_start && (*at == '.' || *at == '\'')) {
            complete &= cli_append(text, "\\&");
        }
        line_start = *at == '\n';
        if (*at == '\\') {
            complete &= cli_append(text, "\\e");
        } else {
            complete &= wg_buffer_append(text, at, 1);
        }
    }
    return complete && (line_start || cli_append(text, "\n"));
}

static bool put_option(const cli_option *option, wg_buffer *text)
{
    bool long_name = option->name[1] != '\0';
    bool complete = cli_append(text, ".It");

    // A long option is "Fl -name": the macro gives one hyphen of its own.
    if (option->letter != 0) complete &= cli_append(text, " Fl %c", option->letter);
    if (option->letter != 0 && long_name) complete &= cli_append(text, " ,");
    if (long_name) complete &= cli_append(text, " Fl -%s", option->name);
    if (option->kind != CLI_FLAG) complete &= cli_append(text, " Ar %s", option->value);
    return complete && cli_append(text, "\n") && put_text(text, option->help) &&
           cli_append(text, ".\n");
}

static bool put_options(const cli_option *options, wg_buffer *text)
{
    bool complete = cli_append(text, ".Bl -tag -width Ds\n");

    for (const cli_option *option = options; option->name != NULL; option++) {
        complete &= put_option(option, text);
    }
    return complete && cli_append(text, ".El\n");
}

static bool put_literal(wg_buffer *text, const char *lines)
{
    return cli_append(text, ".Bd -literal -offset indent\n") && put_text(text, lines) &&
           cli_append(text, ".Ed\n");
}

static bool put_command(const cli_program *program, const cli_command *command, wg_buffer *text)
{
    const char *blank = command->arguments[0] == '\0' ? "" : " ";
    bool complete = cli_append(text, ".Ss %s %s%s%s\n", program->name, command->name, blank,
                               command->arguments);

    complete &= put_text(text, command->summary) && cli_append(text, ".\n.Pp\n");
    complete &= put_text(text, command->text);
    if (command->options != NULL) complete &= put_options(command->options, text);
    return complete && put_literal(text, command->example);
}

bool cli_help_man(const cli_program *program, wg_buffer *text)
{
    bool complete = cli_append(text,
                               ".Dd $Mdocdate$\n.Dt WAGGLE 1\n.Os\n.Sh NAME\n.Nm %s\n.Nd %s\n"
                               ".Sh SYNOPSIS\n.Nm\n.Ar command\n.Op Ar arguments\n.Op Ar options\n"
                               ".Sh DESCRIPTION\n",
                               program->name, program->summary);

    complete &= put_text(text, program->text);
    complete &= cli_append(text, ".Pp\nEvery command understands:\n");
    complete &= put_options(program->options, text);
    complete &= cli_append(text, ".Sh COMMANDS\n");
    for (const cli_command *c = program->commands; c->name != NULL; c++) {
        complete &= put_command(program, c, text);
    }
    return complete;
}
