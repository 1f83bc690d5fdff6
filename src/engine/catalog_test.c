// Changes of the catalog as the log has them: right checksums, and still not what any library writes. Each is refused
// before it changes anything.
#include "engine/engine.h"
#include "support/sim_disk.h"

#define DIM 4u

typedef struct fixture {
    wg_vfs *disk;
    waggle_database *database;
} fixture;

static waggle_status try_open(fixture *f, waggle_error *error)
{
    wg_internal internal = {.vfs = f->disk, .no_threads = true, .log_file_size = 1u << 20};
    return wg_database_open("db", NULL, &internal, &f->database, error);
}

static void close_database(fixture *f)
{
    waggle_error error;
    WG_OK(waggle_close(f->database, &error));
    f->database = NULL;
}

static void create(fixture *f, const char *name)
{
    waggle_error error;
    WG_OK(waggle_collection_create_simple(f->database, name, DIM, WAGGLE_L2, WAGGLE_F32, NULL,
                                          &error));
}

// Collections 1 and 2, "one" and "two"; 3 was dropped.
static void begin(fixture *f)
{
    waggle_error error;
    *f = (fixture){.disk = sim_disk_create(1)};
    WG_OK(try_open(f, &error));
    create(f, "one");
    create(f, "two");
    create(f, "three");
    WG_OK(wg_checkpoint(f->database, &error)); // the manifest has them
    WG_OK(waggle_collection_drop(f->database, "three", &error));
}

static void appended(wg_append *append, waggle_status status, const waggle_error *error)
{
    (void)append;
    (void)error;
    WG_CHECK(status == WAGGLE_OK);
}

// Into the log, past every check of names and ids.
static void log_change(fixture *f, unsigned type, uint32_t id, const char *name)
{
    waggle_error error;
    wg_batch batch;
    const wg_catalog_entry *like = f->database->catalog.entries[0];
    wg_record_catalog record = {
        .collection = id, .name = {name, strlen(name)}
    };
    if (type == WG_RECORD_CREATE)
        record.spec = (waggle_text){(const char *)like->spec, like->spec_size};
    wg_batch_init(&batch, &f->database->heap);
    WG_OK(wg_batch_catalog(&batch, &record, &error));
    WG_OK(wg_batch_seal(&batch, &error));
    wg_append append = {
        .type = (uint16_t)type, .count = 1, .records = batch.pieces, .done = appended};
    WG_OK(wg_log_append(f->database->log, &append, &error));
    WG_OK(wg_log_flush(f->database->log, append.seq, &error));
    wg_batch_finish(&batch);
}

typedef struct change {
    unsigned type;
    uint32_t id;
    const char *name;
    waggle_status status;
    const char *message;
} change;

static const change changes[] = {
    {WG_RECORD_CREATE, 4,          "four",  WAGGLE_OK,             NULL                       },
    {WG_RECORD_CREATE, 9,          "nine",  WAGGLE_OK,             NULL                       },
    {WG_RECORD_RENAME, 1,          "first", WAGGLE_OK,             NULL                       },
    {WG_RECORD_DROP,   2,          "",      WAGGLE_OK,             NULL                       },
    {WG_RECORD_CREATE, 3,          "four",  WAGGLE_CORRUPT,        "an id is never used again"},
    {WG_RECORD_CREATE, 1,          "four",  WAGGLE_CORRUPT,        "an id is never used again"},
    {WG_RECORD_CREATE, 0,          "four",  WAGGLE_CORRUPT,        "an id is never used again"},
    {WG_RECORD_CREATE, UINT32_MAX, "four",  WAGGLE_CORRUPT,        "no such id is given"      },
    {WG_RECORD_CREATE, 4,          "",      WAGGLE_CORRUPT,        "the name is empty"        },
    {WG_RECORD_RENAME, 1,          "",      WAGGLE_CORRUPT,        "the name is empty"        },
    {WG_RECORD_CREATE, 4,          "two",   WAGGLE_CORRUPT,        "the name is taken"        },
    {WG_RECORD_RENAME, 1,          "two",   WAGGLE_CORRUPT,        "the name is taken"        },
    {WG_RECORD_RENAME, 7,          "seven", WAGGLE_CORRUPT,        "7, which does not exist"  },
    {WG_RECORD_DROP,   7,          "",      WAGGLE_CORRUPT,        "7, which does not exist"  },
    {WG_RECORD_UPSERT, 1,          "one",   WAGGLE_FORMAT_VERSION, "of type 1; "              },
    {15,               1,          "one",   WAGGLE_FORMAT_VERSION, "of type 15; "             },
    {19,               1,          "one",   WAGGLE_FORMAT_VERSION, "of type 19; "             },
};

WG_TEST(changes_of_the_catalog_that_no_library_writes_are_refused)
{
    for (size_t i = 0; i < WG_COUNT(changes); i++) {
        const change *c = &changes[i];
        fixture f;
        waggle_error error = {0};
        begin(&f);
        log_change(&f, c->type, c->id, c->name);
        close_database(&f);
        waggle_status status = try_open(&f, &error);
        if (status != c->status ||
            (c->message != NULL && strstr(error.message, c->message) == NULL))
            fail_msg("type %u, id %u, \"%s\": %s: %s", c->type, c->id, c->name,
                     waggle_status_name(status), error.message);
        if (status == WAGGLE_OK) close_database(&f);
        sim_disk_destroy(f.disk);
    }
}

// What is refused while opening was not applied by halves.
WG_TEST(a_change_that_is_refused_changes_nothing)
{
    for (size_t i = 0; i < WG_COUNT(changes); i++) {
        const change *c = &changes[i];
        fixture f;
        waggle_error error;
        wg_batch batch;
        if (c->status == WAGGLE_OK) continue;
        begin(&f);
        const wg_catalog *catalog = &f.database->catalog;
        size_t count = catalog->count;
        uint32_t next_id = catalog->next_id;
        uint64_t applied = catalog->applied;
        wg_record_catalog record = {
            .collection = c->id, .name = {c->name, strlen(c->name)}
        };
        wg_batch_init(&batch, &f.database->heap);
        WG_OK(wg_batch_catalog(&batch, &record, &error));
        WG_OK(wg_batch_seal(&batch, &error));
        WG_FAILS(c->status, wg_catalog_replay(f.database, (wg_record_type)c->type, batch.pieces,
                                              applied + 1, &error));
        wg_batch_finish(&batch);
        WG_CHECK_U64(catalog->count, count);
        WG_CHECK_U64(catalog->next_id, next_id);
        WG_CHECK_U64(catalog->applied, applied);
        WG_CHECK_U64(wg_catalog_find(f.database, "one")->id, 1);
        WG_CHECK_U64(wg_catalog_find(f.database, "two")->id, 2);
        close_database(&f);
        sim_disk_destroy(f.disk);
    }
}
