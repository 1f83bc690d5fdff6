#include "cli/database.h"

#include "base/system.h"

#include <stdio.h>
#include <string.h>

#define CODES_WAIT_MS 100u // between looks at Ctrl-C

static void hint_for(cli_context *cli, waggle_status status)
{
    switch (status) {
    case WAGGLE_NOT_FOUND:
        cli_hint(cli, "waggle import COLLECTION FILE and waggle create make a database; --db DIR "
                      "or WAGGLE_DB names another.");
        break;
    case WAGGLE_LOCKED:
        cli_hint(cli, "One process at a time may change a database. End the other one, or wait.");
        break;
    case WAGGLE_NOT_A_DATABASE:
        cli_hint(cli, "Give --db an empty folder, or one that does not exist yet.");
        break;
    case WAGGLE_CORRUPT: cli_hint(cli, "waggle verify lists what is damaged."); break;
    default: break;
    }
}

waggle_status cli_database_open(cli_context *cli, cli_access access, uint32_t threads,
                                waggle_database **database, waggle_error *error)
{
    const waggle_open_options *options =
        waggle_open_options(.must_exist = access != CLI_CREATE, .read_only = access == CLI_READ,
                            .threads = threads, .device = cli_value(&cli->args, "device"));
    cli->writes = access != CLI_READ;
    waggle_status status = waggle_open(cli->database, options, database, error);

    if (status != WAGGLE_OK) hint_for(cli, status);
    return status;
}

waggle_status cli_database_close(waggle_database *database, waggle_status status,
                                 waggle_error *error)
{
    waggle_error last = {0};

    if (database == NULL) return status;
    waggle_status closed = waggle_close(database, &last);
    if (status != WAGGLE_OK || closed == WAGGLE_OK) return status;
    return wg_fail(error, closed, "%s", last.message);
}

// "The database has: films, words. Did you mean words?"
void cli_codes_wait(const cli_context *cli, waggle_database *database)
{
    waggle_error error = {0};
    waggle_status status = WAGGLE_TIMEOUT;

    while (status == WAGGLE_TIMEOUT && !wg_interrupted()) {
        status = waggle_codes_wait(database, CODES_WAIT_MS, &error);
    }
    if (status == WAGGLE_TIMEOUT) {
        cli_say(cli, "stopped before all codes were made; waggle compact makes the others");
    } else if (status != WAGGLE_OK) {
        // They only make searches faster: no error of the command.
        cli_say(cli, "not all codes were made: %s", error.message);
    }
}

static void hint_collections(cli_context *cli, waggle_database *database, const char *name)
{
    waggle_collection_list *list = NULL;
    cli_suggestion suggestion = cli_suggestion_for(name);
    char names[512];
    size_t at = 0;

    if (waggle_collection_list_create(database, &list, NULL) != WAGGLE_OK) return;
    uint64_t count = waggle_collection_list_count(list);
    for (uint64_t i = 0; i < count; i++) {
        const char *other = waggle_collection_list_at(list, i)->name;
        cli_suggestion_offer(&suggestion, other);
        if (at + strlen(other) + 8 >= sizeof(names)) {
            snprintf(names + at, sizeof(names) - at, ", ...");
            break;
        }
        at += (size_t)snprintf(names + at, sizeof(names) - at, "%s%s", i == 0 ? "" : ", ", other);
    }
    const char *meant = cli_suggestion_get(&suggestion);
    if (count == 0) cli_hint(cli, "%s has no collections yet.", cli->database);
    if (count > 0) cli_hint(cli, "%s has: %s", cli->database, names);
    if (meant != NULL) cli_hint(cli, "Did you mean %s?", meant);
    waggle_collection_list_destroy(list);
}

waggle_status cli_collection_open(cli_context *cli, waggle_database *database, const char *name,
                                  waggle_collection **collection, waggle_error *error)
{
    waggle_status status = waggle_collection_open(database, name, collection, error);

    if (status == WAGGLE_NOT_FOUND) hint_collections(cli, database, name);
    return status;
}

waggle_status cli_session_open(cli_context *cli, cli_access access, const char *collection,
                               uint32_t threads, cli_session *session, waggle_error *error)
{
    *session = (cli_session){0};
    waggle_status status = cli_database_open(cli, access, threads, &session->database, error);
    if (status != WAGGLE_OK) return status;

    status = cli_collection_open(cli, session->database, collection, &session->collection, error);
    if (status == WAGGLE_OK) {
        status = waggle_collection_describe(session->collection, &session->infos, error);
    }
    if (status != WAGGLE_OK) return cli_session_close(session, status, error);
    session->info = waggle_collection_list_at(session->infos, 0);
    return WAGGLE_OK;
}

waggle_status cli_session_close(cli_session *session, waggle_status status, waggle_error *error)
{
    waggle_collection_list_destroy(session->infos);
    waggle_collection_close(session->collection);
    status = cli_database_close(session->database, status, error);
    *session = (cli_session){0};
    return status;
}

waggle_status cli_vector_find(cli_context *cli, const waggle_collection_info *info,
                              const char *name, const waggle_vector_spec **spec,
                              waggle_error *error)
{
    if (name == NULL && info->vector_count == 1) {
        *spec = &info->vectors[0];
        return WAGGLE_OK;
    }
    for (uint32_t i = 0; i < info->vector_count; i++) {
        const char *known = info->vectors[i].name == NULL ? "" : info->vectors[i].name;
        if (strcmp(known, name == NULL ? "" : name) == 0) {
            *spec = &info->vectors[i];
            return WAGGLE_OK;
        }
        if (known[0] != '\0') cli_hint(cli, "It has a vector named %s.", known);
    }
    if (name == NULL) {
        return cli_usage(cli, error, "collection %s has %u vectors; --using names one", info->name,
                         info->vector_count);
    }
    return wg_fail(error, WAGGLE_NOT_FOUND, "collection %s has no vector \"%s\"", info->name, name);
}
