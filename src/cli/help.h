// Help, man page, completions and the reference page, all made from a table of commands. Each appends to
// text; false = out of memory.
#pragma once

#include "base/memory.h"
#include "cli/commands.h"

bool cli_help_program(const cli_program *program, wg_buffer *text);
bool cli_help_command(const cli_program *program, const cli_command *command, wg_buffer *text);
bool cli_help_markdown(const cli_program *program, wg_buffer *text); // docs/cli.md
bool cli_help_man(const cli_program *program, wg_buffer *text);      // mdoc(7)
bool cli_complete_bash(const cli_program *program, wg_buffer *text);
bool cli_complete_zsh(const cli_program *program, wg_buffer *text);
bool cli_complete_fish(const cli_program *program, wg_buffer *text);
