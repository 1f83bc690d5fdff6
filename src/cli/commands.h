// The one table of commands and options. Parsing, --help, the man page, the completions and docs/cli.md
// all come from it, so they cannot disagree.
#pragma once

#include "base/status.h"

struct cli_context;

// What a value is, for completions and for checks that need no command.
typedef enum cli_value_kind {
    CLI_FLAG, // takes no value
    CLI_TEXT,
    CLI_FILE,
    CLI_FOLDER,
    CLI_CHOICE, // one of the words in choices
    CLI_COLLECTION,
} cli_value_kind;

typedef struct cli_option {
    const char *name; // "dim" is given as --dim; ends an array if NULL
    char letter;      // 'k' is given as -k; 0 = none
    cli_value_kind kind;
    const char *value;   // as help shows it: "N"; NULL for a flag
    const char *choices; // CLI_CHOICE: "table json jsonl csv"
    const char *help;    // a sentence without its final stop
} cli_option;

typedef waggle_status (*cli_run_fn)(struct cli_context *cli, waggle_error *error);

typedef struct cli_command {
    const char *name;      // "search", or two words: "snapshot create"
    const char *arguments; // "COLLECTION ID..."; "" = none
    uint32_t arguments_min;
    uint32_t arguments_max; // UINT32_MAX = any number
    const char *summary;    // one line for the list of commands
    const char *text;       // paragraphs, lines broken at 80 columns, ended by a line break
    const char *example;    // lines to try
    const cli_option *options;
    cli_run_fn run;
} cli_command;

// What a program understands; tests parse and print over small ones of their own.
typedef struct cli_program {
    const char *name;
    const char *summary;
    const char *text;
    const cli_command *commands; // ended by a NULL name
    const cli_option *options;   // understood by every command
} cli_program;

extern const cli_program cli_waggle;

// The command of a name, or NULL.
const cli_command *cli_command_find(const cli_program *program, const char *name);

// The commands, by file.
waggle_status cli_create(struct cli_context *cli, waggle_error *error); // cmd_collection.c
waggle_status cli_list(struct cli_context *cli, waggle_error *error);
waggle_status cli_info(struct cli_context *cli, waggle_error *error);
waggle_status cli_drop(struct cli_context *cli, waggle_error *error);
waggle_status cli_rename(struct cli_context *cli, waggle_error *error);
waggle_status cli_import(struct cli_context *cli, waggle_error *error); // cmd_import.c
waggle_status cli_upsert(struct cli_context *cli, waggle_error *error); // cmd_points.c
waggle_status cli_get(struct cli_context *cli, waggle_error *error);
waggle_status cli_delete(struct cli_context *cli, waggle_error *error);
waggle_status cli_count(struct cli_context *cli, waggle_error *error);
waggle_status cli_search(struct cli_context *cli, waggle_error *error);          // cmd_search.c
waggle_status cli_export(struct cli_context *cli, waggle_error *error);          // cmd_export.c
waggle_status cli_snapshot_create(struct cli_context *cli, waggle_error *error); // cmd_snapshot.c
waggle_status cli_snapshot_list(struct cli_context *cli, waggle_error *error);
waggle_status cli_snapshot_restore(struct cli_context *cli, waggle_error *error);
waggle_status cli_snapshot_delete(struct cli_context *cli, waggle_error *error);
waggle_status cli_verify(struct cli_context *cli, waggle_error *error); // cmd_care.c
waggle_status cli_compact(struct cli_context *cli, waggle_error *error);
waggle_status cli_devices(struct cli_context *cli, waggle_error *error); // cmd_devices.c
waggle_status cli_doctor(struct cli_context *cli, waggle_error *error);
waggle_status cli_bench(struct cli_context *cli, waggle_error *error); // cmd_bench.c
waggle_status cli_demo(struct cli_context *cli, waggle_error *error);  // cmd_demo.c
waggle_status cli_help(struct cli_context *cli, waggle_error *error);  // cmd_help.c
waggle_status cli_man(struct cli_context *cli, waggle_error *error);
waggle_status cli_completions(struct cli_context *cli, waggle_error *error);
