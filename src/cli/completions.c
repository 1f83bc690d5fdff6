// Completions for bash, zsh and fish. A group of commands like "snapshot create" completes word by word.
#include "cli/help.h"
#include "cli/output.h"

#include <stdio.h>
#include <string.h>

// The first words of all commands, each once.
static bool first_words(const cli_program *program, const char *separator, wg_buffer *text)
{
    const char *before = "";
    size_t before_size = 0;
    bool complete = true;

    for (const cli_command *c = program->commands; c->name != NULL; c++) {
        size_t size = strcspn(c->name, " ");
        bool again = size == before_size && memcmp(before, c->name, size) == 0;
        if (!again) {
            complete &=
                cli_append(text, "%s%.*s", before_size == 0 ? "" : separator, (int)size, c->name);
        }
        before = c->name;
        before_size = size;
    }
    return complete;
}

static bool option_words(const cli_option *options, wg_buffer *text)
{
    bool complete = true;

    for (const cli_option *o = options; o != NULL && o->name != NULL; o++) {
        if (o->letter != 0) complete &= cli_append(text, " -%c", o->letter);
        if (o->name[1] != '\0') complete &= cli_append(text, " --%s", o->name);
    }
    return complete;
}

// The first command of a group of two-word commands, or NULL if c is none or comes later.
static const cli_command *group_first(const cli_program *program, const cli_command *c)
{
    size_t size = strcspn(c->name, " ");

    if (c->name[size] == '\0') return NULL;
    bool again = c > program->commands && strncmp(c[-1].name, c->name, size + 1) == 0;
    return again ? NULL : c;
}

// The second words of the group that begins with first.
static bool group_words(const cli_command *first, wg_buffer *text)
{
    size_t size = strcspn(first->name, " ");
    bool complete = true;

    for (const cli_command *c = first; c->name != NULL; c++) {
        if (strncmp(c->name, first->name, size + 1) != 0) continue;
        complete &= cli_append(text, "%s%s", c == first ? "" : " ", c->name + size + 1);
    }
    return complete;
}

// ---- bash --------------------------------------------------------------------------------------

// A case of what may follow an option: words, a path, or nothing we know.
static bool bash_value(const cli_option *option, const char *indent, wg_buffer *text)
{
    bool complete = cli_append(text, "%s", indent);

    if (option->letter != 0) complete &= cli_append(text, "-%c", option->letter);
    if (option->letter != 0 && option->name[1] != '\0') complete &= cli_append(text, "|");
    if (option->name[1] != '\0') complete &= cli_append(text, "--%s", option->name);
    switch (option->kind) {
    case CLI_CHOICE:
        return complete &&
               cli_append(text, ") COMPREPLY=($(compgen -W '%s' -- \"$word\")); return ;;\n",
                          option->choices);
    case CLI_FILE:
        return complete &&
               cli_append(text, ") COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n");
    case CLI_FOLDER:
        return complete &&
               cli_append(text, ") COMPREPLY=($(compgen -d -- \"$word\")); return ;;\n");
    default: return complete && cli_append(text, ") COMPREPLY=(); return ;;\n");
    }
}

static bool bash_values(const cli_option *options, const char *indent, wg_buffer *text)
{
    bool complete = true;

    for (const cli_option *o = options; o != NULL && o->name != NULL; o++) {
        if (o->kind != CLI_FLAG) complete &= bash_value(o, indent, text);
    }
    return complete;
}

static bool bash_command(const cli_command *command, wg_buffer *text)
{
    bool complete = cli_append(text, "    '%s')\n", command->name);

    if (command->options != NULL) {
        complete &= cli_append(text, "        case $before in\n");
        complete &= bash_values(command->options, "        ", text);
        complete &= cli_append(text, "        esac\n");
    }
    complete &= cli_append(text, "        options='");
    complete &= option_words(command->options, text);
    return complete && cli_append(text, "' ;;\n");
}

static bool bash_groups(const cli_program *program, wg_buffer *text)
{
    bool complete = true;

    for (const cli_command *c = program->commands; c->name != NULL; c++) {
        if (group_first(program, c) == NULL) continue;
        complete &= cli_append(text, "    %.*s) commands='", (int)strcspn(c->name, " "), c->name);
        complete &= group_words(c, text) && cli_append(text, "' ;;\n");
    }
    return complete;
}

bool cli_complete_bash(const cli_program *program, wg_buffer *text)
{
    bool complete = cli_append(text,
                               "# bash completion of %s: put this into\n"
                               "# ~/.local/share/bash-completion/completions/%s\n"
                               "_%s() {\n"
                               "    local word=${COMP_WORDS[COMP_CWORD]}\n"
                               "    local before=${COMP_WORDS[COMP_CWORD-1]}\n"
                               "    local first=${COMP_WORDS[1]} commands= options=\n"
                               "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
                               "        COMPREPLY=($(compgen -W '",
                               program->name, program->name, program->name);

    complete &= first_words(program, " ", text);
    complete &= cli_append(text, "' -- \"$word\"))\n        return\n    fi\n    case $first in\n");
    complete &= bash_groups(program, text);
    complete &= cli_append(text, "    esac\n"
                                 "    if [ -n \"$commands\" ]; then\n"
                                 "        if [ \"$COMP_CWORD\" -eq 2 ]; then\n"
                                 "            COMPREPLY=($(compgen -W \"$commands\" -- "
                                 "\"$word\"))\n            return\n        fi\n"
                                 "        first=\"$first ${COMP_WORDS[2]}\"\n    fi\n"
                                 "    case $before in\n");
    complete &= bash_values(program->options, "    ", text);
    complete &= cli_append(text, "    esac\n    case $first in\n");
    for (const cli_command *c = program->commands; c->name != NULL; c++) {
        complete &= bash_command(c, text);
    }
    complete &= cli_append(text, "    esac\n    case $word in\n"
                                 "    -*) COMPREPLY=($(compgen -W \"$options");
    complete &= option_words(program->options, text);
    return complete && cli_append(text,
                                  "\" -- \"$word\")) ;;\n"
                                  "    *) COMPREPLY=($(compgen -f -- \"$word\")) ;;\n"
                                  "    esac\n}\ncomplete -o filenames -F _%s %s\n",
                                  program->name, program->name);
}

// ---- zsh ---------------------------------------------------------------------------------------

// Help inside '[...]' of an _arguments specification, within single quotes.
static bool zsh_help(const char *help, wg_buffer *text)
{
    bool complete = true;

    for (; *help != '\0'; help++) {
        if (*help == '\'') {
            complete &= cli_append(text, "'\\''");
        } else {
            bool special = *help == '[' || *help == ']' || *help == ':' || *help == '\\';
            complete &= cli_append(text, special ? "\\%c" : "%c", *help);
        }
    }
    return complete;
}

static bool zsh_option_form(const cli_option *option, const char *form, wg_buffer *text)
{
    bool complete = cli_append(text, " \\\n            '*%s[", form) &&
                    zsh_help(option->help, text) && cli_append(text, "]");

    switch (option->kind) {
    case CLI_FLAG: break;
    case CLI_CHOICE: complete &= cli_append(text, ":%s:(%s)", option->name, option->choices); break;
    case CLI_FILE: complete &= cli_append(text, ":%s:_files", option->name); break;
    case CLI_FOLDER: complete &= cli_append(text, ":%s:_files -/", option->name); break;
    default: complete &= cli_append(text, ":%s:", option->name); break;
    }
    return complete && cli_append(text, "'");
}

static bool zsh_options(const cli_option *options, wg_buffer *text)
{
    char form[64];
    bool complete = true;

    for (const cli_option *o = options; o != NULL && o->name != NULL; o++) {
        if (o->letter != 0) {
            form[0] = '-', form[1] = o->letter, form[2] = '\0';
            complete &= zsh_option_form(o, form, text);
        }
        size_t size = strlen(o->name);
        if (size == 1 || size + 3 > sizeof(form)) continue;
        memcpy(form, "--", 2);
        memcpy(form + 2, o->name, size + 1);
        complete &= zsh_option_form(o, form, text);
    }
    return complete;
}

static bool zsh_groups(const cli_program *program, wg_buffer *text)
{
    bool complete = true;

    for (const cli_command *c = program->commands; c->name != NULL; c++) {
        if (group_first(program, c) == NULL) continue;
        complete &= cli_append(text,
                               "    %.*s)\n        if (( CURRENT == 3 )); then\n"
                               "            compadd -- ",
                               (int)strcspn(c->name, " "), c->name);
        complete &= group_words(c, text);
        complete &= cli_append(text, "\n            return\n        fi\n"
                                     "        command=\"$command $words[3]\" ;;\n");
    }
    return complete;
}

bool cli_complete_zsh(const cli_program *program, wg_buffer *text)
{
    bool complete = cli_append(text,
                               "#compdef %s\n# zsh completion of %s: put this into a folder of "
                               "$fpath, as _%s\n_%s() {\n    local command=$words[2]\n"
                               "    if (( CURRENT == 2 )); then\n        compadd -- ",
                               program->name, program->name, program->name, program->name);

    complete &= first_words(program, " ", text);
    complete &= cli_append(text, "\n        return\n    fi\n    case $command in\n");
    complete &= zsh_groups(program, text);
    complete &= cli_append(text, "    esac\n    case $command in\n");
    for (const cli_command *c = program->commands; c->name != NULL; c++) {
        complete &= cli_append(text, "    '%s')\n        _arguments", c->name);
        complete &= zsh_options(c->options, text);
        complete &= zsh_options(program->options, text);
        complete &= cli_append(text, " \\\n            '*:argument:_files' ;;\n");
    }
    return complete && cli_append(text, "    esac\n}\n_%s \"$@\"\n", program->name);
}

// ---- fish --------------------------------------------------------------------------------------

static bool fish_quoted(const char *words, wg_buffer *text)
{
    bool complete = cli_append(text, "'");

    for (; *words != '\0'; words++) {
        bool special = *words == '\'' || *words == '\\';
        complete &= cli_append(text, special ? "\\%c" : "%c", *words);
    }
    return complete && cli_append(text, "'");
}

static bool fish_option(const cli_program *program, const char *condition, const cli_option *option,
                        wg_buffer *text)
{
    bool complete = cli_append(text, "complete -c %s%s", program->name, condition);

    if (option->letter != 0) complete &= cli_append(text, " -s %c", option->letter);
    if (option->name[1] != '\0') complete &= cli_append(text, " -l %s", option->name);
    switch (option->kind) {
    case CLI_FLAG: break;
    case CLI_CHOICE: complete &= cli_append(text, " -x -a '%s'", option->choices); break;
    case CLI_FILE: complete &= cli_append(text, " -r -F"); break;
    case CLI_FOLDER: complete &= cli_append(text, " -x -a '(__fish_complete_directories)'"); break;
    default: complete &= cli_append(text, " -x"); break;
    }
    return complete && cli_append(text, " -d ") && fish_quoted(option->help, text) &&
           cli_append(text, "\n");
}

// The second word of a group is offered behind its first, any other command at the start.
static bool fish_command(const cli_program *program, const cli_command *c, wg_buffer *text)
{
    size_t size = strcspn(c->name, " ");
    bool grouped = c->name[size] != '\0';
    const char *word = grouped ? c->name + size + 1 : c->name;
    char condition[128];
    bool complete = true;

    if (group_first(program, c) != NULL) {
        complete &= cli_append(text, "complete -c %s -n __fish_use_subcommand -f -a %.*s\n",
                               program->name, (int)size, c->name);
    }
    if (grouped) {
        complete &= cli_append(text, "complete -c %s -n '__fish_seen_subcommand_from %.*s'",
                               program->name, (int)size, c->name);
    } else {
        complete &= cli_append(text, "complete -c %s -n __fish_use_subcommand", program->name);
    }
    complete &= cli_append(text, " -f -a %s -d ", word);
    complete &= fish_quoted(c->summary, text) && cli_append(text, "\n");
    snprintf(condition, sizeof(condition), " -n '__fish_seen_subcommand_from %s'", word);
    for (const cli_option *o = c->options; o != NULL && o->name != NULL; o++) {
        complete &= fish_option(program, condition, o, text);
    }
    return complete;
}

bool cli_complete_fish(const cli_program *program, wg_buffer *text)
{
    bool complete = cli_append(text,
                               "# fish completion of %s: put this into "
                               "~/.config/fish/completions/%s.fish\n",
                               program->name, program->name);

    for (const cli_option *o = program->options; o->name != NULL; o++) {
        complete &= fish_option(program, "", o, text);
    }
    for (const cli_command *c = program->commands; c->name != NULL; c++) {
        complete &= fish_command(program, c, text);
    }
    return complete;
}
