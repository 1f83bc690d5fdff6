#include "cli/options.h"

#include <stdio.h>
#include <string.h>

// Beyond two slips, and beyond a third of the word, a suggestion is noise.
#define DISTANCE_MAX 2u
#define DISTANCE_WORD_MAX 64u

uint32_t cli_distance(const char *a, const char *b)
{
    uint32_t rows[3][DISTANCE_WORD_MAX + 1];
    uint32_t a_size = (uint32_t)strnlen(a, DISTANCE_WORD_MAX);
    uint32_t b_size = (uint32_t)strnlen(b, DISTANCE_WORD_MAX);

    for (uint32_t j = 0; j <= b_size; j++) {
        rows[0][j] = j;
    }
    for (uint32_t i = 1; i <= a_size; i++) {
        uint32_t *row = rows[i % 3];
        const uint32_t *above = rows[(i + 2) % 3];
        const uint32_t *above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (uint32_t j = 1; j <= b_size; j++) {
            uint32_t replaced = above[j - 1] + (a[i - 1] != b[j - 1]);
            uint32_t dropped = above[j] + 1;
            uint32_t inserted = row[j - 1] + 1;
            row[j] = WG_MIN(replaced, WG_MIN(dropped, inserted));
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped) row[j] = WG_MIN(row[j], above2[j - 2] + 1);
        }
    }
    return rows[a_size % 3][b_size];
}

cli_suggestion cli_suggestion_for(const char *word)
{
    return (cli_suggestion){.word = word, .best = NULL, .distance = UINT32_MAX};
}

void cli_suggestion_offer(cli_suggestion *suggestion, const char *name)
{
    uint32_t distance = cli_distance(suggestion->word, name);

    if (distance >= suggestion->distance) return;
    suggestion->best = name;
    suggestion->distance = distance;
}

const char *cli_suggestion_get(const cli_suggestion *suggestion)
{
    if (suggestion->best == NULL) return NULL;
    size_t size = WG_MAX(strlen(suggestion->word), strlen(suggestion->best));
    bool near = suggestion->distance <= DISTANCE_MAX && 3 * suggestion->distance <= size + 1;
    return near ? suggestion->best : NULL;
}

const cli_command *cli_command_find(const cli_program *program, const char *name)
{
    for (const cli_command *command = program->commands; command->name != NULL; command++) {
        if (strcmp(command->name, name) == 0) return command;
    }
    return NULL;
}

// ---- Options -----------------------------------------------------------------------------------

static const cli_option *option_in(const cli_option *options, const char *name, size_t size)
{
    for (const cli_option *option = options; option != NULL && option->name != NULL; option++) {
        if (strlen(option->name) == size && memcmp(option->name, name, size) == 0) return option;
    }
    return NULL;
}

static const cli_option *letter_in(const cli_option *options, char letter)
{
    for (const cli_option *option = options; option != NULL && option->name != NULL; option++) {
        if (option->letter == letter) return option;
    }
    return NULL;
}

static const cli_option *options_of(const cli_args *args)
{
    return args->command == NULL ? NULL : args->command->options;
}

static const cli_option *option_find(const cli_args *args, const char *name, size_t size)
{
    const cli_option *option = option_in(options_of(args), name, size);
    return option != NULL ? option : option_in(args->program->options, name, size);
}

static const cli_option *letter_find(const cli_args *args, char letter)
{
    const cli_option *option = letter_in(options_of(args), letter);
    return option != NULL ? option : letter_in(args->program->options, letter);
}

static waggle_status unknown_option(const cli_args *args, const char *word, size_t size,
                                    waggle_error *error)
{
    char name[DISTANCE_WORD_MAX];
    size_t name_size = WG_MIN(size, sizeof(name) - 1);
    memcpy(name, word, name_size);
    name[name_size] = '\0';

    cli_suggestion suggestion = cli_suggestion_for(name);
    const cli_option *sets[] = {options_of(args), args->program->options};
    for (size_t i = 0; i < WG_COUNT(sets); i++) {
        for (const cli_option *o = sets[i]; o != NULL && o->name != NULL; o++) {
            cli_suggestion_offer(&suggestion, o->name);
        }
    }
    const char *command = args->command == NULL ? args->program->name : args->command->name;
    const char *meant = cli_suggestion_get(&suggestion);
    if (meant == NULL) {
        return wg_fail(error, WAGGLE_INVALID, "%s has no option --%s", command, name);
    }
    return wg_fail(error, WAGGLE_INVALID, "%s has no option --%s; did you mean --%s?", command,
                   name, meant);
}

static bool choice_allows(const char *choices, const char *value)
{
    size_t size = strlen(value);

    while (*choices != '\0') {
        size_t word = strcspn(choices, " ");
        if (word == size && memcmp(choices, value, size) == 0) return true;
        choices += word;
        choices += strspn(choices, " ");
    }
    return false;
}

// Keeps one option. value is NULL for a flag.
static waggle_status keep(cli_args *args, const cli_option *option, const char *value,
                          waggle_error *error)
{
    if (args->value_count == CLI_VALUES_MAX) {
        return wg_fail(error, WAGGLE_INVALID, "more than %u options", CLI_VALUES_MAX);
    }
    if (option->kind == CLI_CHOICE && !choice_allows(option->choices, value)) {
        return wg_fail(error, WAGGLE_INVALID, "--%s is \"%s\"; it is one of: %s", option->name,
                       value, option->choices);
    }
    args->values[args->value_count].option = option;
    args->values[args->value_count].value = value;
    args->value_count++;
    return WAGGLE_OK;
}

// What is left of the words while they are parsed.
typedef struct words {
    int count;
    char **at;
} words;

static const char *words_take(words *left)
{
    if (left->count == 0) return NULL;
    left->count--;
    return *left->at++;
}

// word is behind "--": "k", "k=5".
static waggle_status parse_long(cli_args *args, const char *word, words *left, waggle_error *error)
{
    size_t size = strcspn(word, "=");
    const cli_option *option = option_find(args, word, size);
    bool assigned = word[size] == '=';

    if (option == NULL) return unknown_option(args, word, size, error);
    if (option->kind == CLI_FLAG) {
        if (assigned) {
            return wg_fail(error, WAGGLE_INVALID, "--%s takes no value", option->name);
        }
        return keep(args, option, NULL, error);
    }
    const char *value = assigned ? word + size + 1 : words_take(left);
    if (value == NULL) {
        return wg_fail(error, WAGGLE_INVALID, "--%s needs a value: --%s %s", option->name,
                       option->name, option->value);
    }
    return keep(args, option, value, error);
}

// word is behind "-": "k", "k5", "qy".
static waggle_status parse_letters(cli_args *args, const char *word, words *left,
                                   waggle_error *error)
{
    for (; *word != '\0'; word++) {
        const cli_option *option = letter_find(args, *word);
        if (option == NULL) {
            return wg_fail(error, WAGGLE_INVALID,
                           "there is no option -%c (an argument that begins with a hyphen goes "
                           "behind --)",
                           *word);
        }
        if (option->kind != CLI_FLAG) {
            const char *value = word[1] != '\0' ? word + 1 : words_take(left);
            if (value == NULL) {
                return wg_fail(error, WAGGLE_INVALID, "-%c needs a value: -%c %s", *word, *word,
                               option->value);
            }
            return keep(args, option, value, error);
        }
        waggle_status status = keep(args, option, NULL, error);
        if (status != WAGGLE_OK) return status;
    }
    return WAGGLE_OK;
}

// ---- Commands ----------------------------------------------------------------------------------

// True if commands of two words begin with this one.
static bool is_group(const cli_program *program, const char *word)
{
    size_t size = strlen(word);

    for (const cli_command *command = program->commands; command->name != NULL; command++) {
        if (strncmp(command->name, word, size) == 0 && command->name[size] == ' ') return true;
    }
    return false;
}

static waggle_status unknown_command(const cli_program *program, const char *word,
                                     waggle_error *error)
{
    cli_suggestion suggestion = cli_suggestion_for(word);

    for (const cli_command *command = program->commands; command->name != NULL; command++) {
        cli_suggestion_offer(&suggestion, command->name);
    }
    const char *meant = cli_suggestion_get(&suggestion);
    if (meant == NULL) {
        return wg_fail(error, WAGGLE_INVALID, "there is no command \"%s\"", word);
    }
    return wg_fail(error, WAGGLE_INVALID, "there is no command \"%s\"; did you mean \"%s\"?", word,
                   meant);
}

// The second word of a command like "snapshot create".
static waggle_status parse_group(cli_args *args, const char *group, words *left,
                                 waggle_error *error)
{
    char name[DISTANCE_WORD_MAX];
    char known[256] = "";
    size_t size = strlen(group);
    size_t known_size = 0;
    const char *second = left->count > 0 && **left->at != '-' ? words_take(left) : NULL;

    if (second != NULL) {
        snprintf(name, sizeof(name), "%s %s", group, second);
        args->command = cli_command_find(args->program, name);
        if (args->command != NULL) return WAGGLE_OK;
    }
    for (const cli_command *c = args->program->commands; c->name != NULL; c++) {
        if (strncmp(c->name, group, size) != 0 || c->name[size] != ' ') continue;
        if (known_size >= sizeof(known)) break;
        known_size += (size_t)snprintf(known + known_size, sizeof(known) - known_size, "%s%s",
                                       known_size == 0 ? "" : ", ", c->name + size + 1);
    }
    if (second == NULL) {
        return wg_fail(error, WAGGLE_INVALID, "%s needs one of: %s", group, known);
    }
    return wg_fail(error, WAGGLE_INVALID, "%s has no command \"%s\"; it has: %s", group, second,
                   known);
}

static waggle_status parse_command(cli_args *args, const char *word, words *left,
                                   waggle_error *error)
{
    args->command = cli_command_find(args->program, word);
    if (args->command != NULL) return WAGGLE_OK;
    if (is_group(args->program, word)) return parse_group(args, word, left, error);
    return unknown_command(args->program, word, error);
}

// Help is given for any number of arguments, so its flag switches the check off.
static waggle_status check_arguments(const cli_args *args, waggle_error *error)
{
    const cli_command *command = args->command;

    if (command == NULL || cli_has(args, "help")) return WAGGLE_OK;
    if (args->argument_count < command->arguments_min) {
        return wg_fail(error, WAGGLE_INVALID, "%s needs %s: %s %s %s", command->name,
                       command->arguments_min == 1 ? "an argument" : "more arguments",
                       args->program->name, command->name, command->arguments);
    }
    if (args->argument_count > command->arguments_max) {
        return wg_fail(error, WAGGLE_INVALID, "%s takes %s; \"%s\" is one too many", command->name,
                       command->arguments_max == 0 ? "no arguments" : command->arguments,
                       args->arguments[command->arguments_max]);
    }
    return WAGGLE_OK;
}

waggle_status cli_args_parse(const cli_program *program, int argc, char **argv, cli_args *args,
                             waggle_error *error)
{
    waggle_status status = WAGGLE_OK;
    words left = {argc > 0 ? argc - 1 : 0, argv + 1};
    bool only_arguments = false;
    char **target = argv + 1; // arguments are moved to the front, behind what was already read

    *args = (cli_args){.program = program, .arguments = target};
    while (status == WAGGLE_OK && left.count > 0) {
        char *word = *left.at;
        words_take(&left);
        if (!only_arguments && strcmp(word, "--") == 0) {
            only_arguments = true;
        } else if (!only_arguments && word[0] == '-' && word[1] == '-') {
            status = parse_long(args, word + 2, &left, error);
        } else if (!only_arguments && word[0] == '-' && word[1] != '\0') {
            status = parse_letters(args, word + 1, &left, error);
        } else if (args->command == NULL) {
            status = parse_command(args, word, &left, error);
        } else {
            *target++ = word;
            args->argument_count++;
        }
    }
    return status == WAGGLE_OK ? check_arguments(args, error) : status;
}

// ---- Values ------------------------------------------------------------------------------------

static bool is_named(const cli_option *option, const char *name)
{
    return strcmp(option->name, name) == 0;
}

// A name that the table does not have is a slip of ours.
static void assert_known(const cli_args *args, const char *name)
{
    WG_ASSERT(option_find(args, name, strlen(name)) != NULL);
}

bool cli_has(const cli_args *args, const char *name)
{
    assert_known(args, name);
    for (uint32_t i = 0; i < args->value_count; i++) {
        if (is_named(args->values[i].option, name)) return true;
    }
    return false;
}

const char *cli_value(const cli_args *args, const char *name)
{
    assert_known(args, name);
    for (uint32_t i = args->value_count; i-- > 0;) {
        if (is_named(args->values[i].option, name)) return args->values[i].value;
    }
    return NULL;
}

const char *cli_value_at(const cli_args *args, const char *name, uint32_t index)
{
    assert_known(args, name);
    for (uint32_t i = 0; i < args->value_count; i++) {
        if (is_named(args->values[i].option, name) && index-- == 0) return args->values[i].value;
    }
    return NULL;
}

waggle_status cli_number_parse(const char *text, const char *what, uint64_t least, uint64_t most,
                               uint64_t *number, waggle_error *error)
{
    uint64_t value = 0;
    bool overflow = false;
    const char *at = text;

    for (; *at >= '0' && *at <= '9'; at++) {
        overflow |= __builtin_mul_overflow(value, UINT64_C(10), &value);
        overflow |= __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value);
    }
    bool digits = at != text && *at == '\0';
    bool negative =
        text[0] == '-' && text[1] != '\0' && text[1 + strspn(text + 1, "0123456789")] == '\0';
    if (!digits && !negative) {
        return wg_fail(error, WAGGLE_INVALID, "%s is \"%s\"; it must be a whole number", what,
                       text);
    }
    if (negative || value < least) {
        return wg_fail(error, WAGGLE_INVALID, "%s is %s; the least is %" PRIu64, what, text, least);
    }
    if (overflow || value > most) {
        return wg_fail(error, WAGGLE_INVALID, "%s is %s; the most is %" PRIu64, what, text, most);
    }
    *number = value;
    return WAGGLE_OK;
}

waggle_status cli_value_number(const cli_args *args, const char *name, uint64_t least,
                               uint64_t most, uint64_t fallback, uint64_t *number,
                               waggle_error *error)
{
    const char *text = cli_value(args, name);
    char what[DISTANCE_WORD_MAX];

    if (text == NULL) {
        *number = fallback;
        return WAGGLE_OK;
    }
    size_t size = WG_MIN(strlen(name), sizeof(what) - 3);
    size_t hyphens = size == 1 ? 1 : 2;
    memcpy(what, "--", hyphens);
    memcpy(what + hyphens, name, size);
    what[hyphens + size] = '\0';
    return cli_number_parse(text, what, least, most, number, error);
}
