// Opening the database and its collections for a command, with errors that help.
#pragma once

#include "cli/cli.h"

typedef enum cli_access {
    CLI_READ,   // must exist; other readers may have it open at the same time
    CLI_WRITE,  // must exist
    CLI_CREATE, // made if missing
} cli_access;

// threads 0 = one per core.
waggle_status cli_database_open(cli_context *cli, cli_access access, uint32_t threads,
                                waggle_database **database, waggle_error *error);
// Closes, and reports an error of the last flush if status is OK. Returns the status to go on with.
waggle_status cli_database_close(waggle_database *database, waggle_status status,
                                 waggle_error *error);
// Waits until compressed codes are made, or Ctrl-C. They are only made while a process has the database open to write.
void cli_codes_wait(const cli_context *cli, waggle_database *database);
// Says which collections there are if this one is not.
waggle_status cli_collection_open(cli_context *cli, waggle_database *database, const char *name,
                                  waggle_collection **collection, waggle_error *error);

// A database and one collection of it, as most commands need them.
typedef struct cli_session {
    waggle_database *database;
    waggle_collection *collection;
    waggle_collection_list *infos; // a list of one
    const waggle_collection_info *info;
} cli_session;

waggle_status cli_session_open(cli_context *cli, cli_access access, const char *collection,
                               uint32_t threads, cli_session *session, waggle_error *error);
// As cli_database_close(); a zeroed session is fine.
waggle_status cli_session_close(cli_session *session, waggle_status status, waggle_error *error);

// The vector of a name, or for NULL the unnamed or only one.
waggle_status cli_vector_find(cli_context *cli, const waggle_collection_info *info,
                              const char *name, const waggle_vector_spec **spec,
                              waggle_error *error);
