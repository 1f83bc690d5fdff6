// Parses the words of a command line over a table of commands (commands.h).
//
// Understood: --name value, --name=value, -k 5, -k5, several flags in one word (-qy), options before, behind
// and between the arguments, and "--", behind which everything is an argument. The word behind an option
// that takes a value is its value, also if it begins with a hyphen, so that -k -1 is an error of -k.
#pragma once

#include "cli/commands.h"

#define CLI_VALUES_MAX 64u

typedef struct cli_args {
    const cli_program *program;
    const cli_command *command; // NULL = none was given
    uint32_t argument_count;
    char **arguments; // within argv
    uint32_t value_count;

    struct {
        const cli_option *option;
        const char *value; // NULL for a flag
    } values[CLI_VALUES_MAX];
} cli_args;

// argv is reordered: its arguments come to lie side by side. After an error, args->command is set if it was
// recognized. Every error is one of usage; its message suggests what may have been meant.
waggle_status cli_args_parse(const cli_program *program, int argc, char **argv, cli_args *args,
                             waggle_error *error);

bool cli_has(const cli_args *args, const char *name);
// The value that was given last, or NULL.
const char *cli_value(const cli_args *args, const char *name);
// The index-th value given for an option that may be repeated, or NULL behind the last.
const char *cli_value_at(const cli_args *args, const char *name, uint32_t index);
// *number is fallback if the option was not given. Errors name option, value and limits.
waggle_status cli_value_number(const cli_args *args, const char *name, uint64_t least,
                               uint64_t most, uint64_t fallback, uint64_t *number,
                               waggle_error *error);
// A whole number of digits, within limits. what names it in the message: "-k".
waggle_status cli_number_parse(const char *text, const char *what, uint64_t least, uint64_t most,
                               uint64_t *number, waggle_error *error);

// How many letters must be inserted, dropped, replaced or swapped with their neighbor to turn a into b
// (optimal string alignment); at most 64 bytes of each are looked at.
uint32_t cli_distance(const char *a, const char *b);

// Finds, among names that are offered one by one, the one that a misspelled word may have meant.
typedef struct cli_suggestion {
    const char *word;
    const char *best;
    uint32_t distance; // of best
} cli_suggestion;

cli_suggestion cli_suggestion_for(const char *word);
void cli_suggestion_offer(cli_suggestion *suggestion, const char *name);
const char *cli_suggestion_get(const cli_suggestion *suggestion); // NULL = none is near
