// For tests of snapshots: a database on a simulated disk with two collections, and what is looked at in it.
#pragma once

#include "engine/engine.h"
#include "engine/snapshot.h"
#include "support/sim_disk.h"

#define DIM 4u

typedef struct fixture {
    wg_vfs *disk;
    waggle_database *database;
    char log[512]; // the last error line
} fixture;

static inline void log_line(void *context, waggle_log_level level, const char *line)
{
    fixture *f = context;
    if (level == WAGGLE_LOG_ERROR) snprintf(f->log, sizeof f->log, "%s", line);
}

static inline uint64_t clock_ns(void *context)
{
    (void)context;
    return wg_now_ns();
}

static inline uint64_t clock_ms(void *context)
{
    (void)context;
    return 1795176185123; // 2026-11-20 12:03:05 UTC
}

static inline uint64_t clock_random(void *context)
{
    (void)context;
    return 42;
}

static const wg_clock noon = {clock_ns, clock_ms, clock_random, NULL};

static inline waggle_status open_at(fixture *f, const char *path, bool read_only,
                                    waggle_error *error)
{
    wg_internal internal = {
        .vfs = f->disk, .clock = &noon, .no_threads = true, .log_file_size = 256u << 10};
    return wg_database_open(
        path, waggle_open_options(.read_only = read_only, .log = log_line, .log_context = f),
        &internal, &f->database, error);
}

static inline void close_database(fixture *f)
{
    waggle_error error;
    WG_OK(waggle_close(f->database, &error));
    f->database = NULL;
}

static inline void reopen(fixture *f, bool read_only)
{
    waggle_error error;
    close_database(f);
    WG_OK(open_at(f, "db", read_only, &error));
}

static inline waggle_collection *collection_of(fixture *f, const char *name)
{
    waggle_error error;
    waggle_collection *collection = NULL;
    WG_OK(waggle_collection_open(f->database, name, &collection, &error));
    return collection;
}

// Points first .. first + count - 1, whose vectors and payloads tell their number and the edition.
static inline waggle_status put(fixture *f, const char *name, uint64_t first, uint32_t count,
                                uint32_t edition, waggle_error *error)
{
    waggle_collection *collection = NULL;
    float rows[64][DIM] = {0};
    char text[64][64];
    waggle_text payloads[64];
    waggle_vectors vectors = {.rows = waggle_rows_f32(rows[0], count, DIM)};
    waggle_status status = waggle_collection_open(f->database, name, &collection, error);
    if (status != WAGGLE_OK) return status;
    for (uint32_t i = 0; i < count; i++) {
        float row[DIM] = {(float)(first + i), (float)edition, 1, 0};
        memcpy(rows[i], row, sizeof row);
        snprintf(text[i], sizeof text[i], "{\"n\":%u,\"edition\":%u}", (unsigned)(first + i),
                 edition);
        payloads[i] = (waggle_text){text[i], strlen(text[i])};
    }
    status = waggle_upsert(collection,
                           waggle_points_of(.count = count, .id_first = first, .vectors = &vectors,
                                            .vector_count = 1, .payloads = payloads),
                           NULL, error);
    waggle_collection_close(collection);
    return status;
}

static inline void delete_one(fixture *f, const char *name, uint64_t number)
{
    waggle_error error;
    waggle_collection *collection = collection_of(f, name);
    waggle_id id = waggle_id_number(number);
    WG_OK(waggle_delete(collection, &id, 1, NULL, NULL, &error));
    waggle_collection_close(collection);
}

static inline void describe_one(fixture *f, const char *name, uint64_t number)
{
    waggle_error error;
    waggle_collection *collection = collection_of(f, name);
    waggle_id id = waggle_id_number(number);
    waggle_text payload = {"{\"overlaid\":1}", 14};
    WG_OK(waggle_payload_set(collection, &id, &payload, 1, NULL, NULL, &error));
    waggle_collection_close(collection);
}

// A digest of all points: ids, versions, payloads, vectors.
static inline uint64_t digest(fixture *f, const char *name)
{
    waggle_error error;
    waggle_collection *collection = collection_of(f, name);
    waggle_cursor *cursor = NULL;
    const waggle_record *record = NULL;
    uint64_t hash = 1;
    WG_OK(
        waggle_cursor_open(collection, waggle_read_options(.with_vectors = true), &cursor, &error));
    for (;;) {
        WG_OK(waggle_cursor_next(cursor, &record, &error));
        if (record == NULL) break;
        hash = wg_hash64(hash ^ record->id.value.number);
        hash = wg_hash64(hash ^ record->version);
        if (record->payload.data != NULL)
            hash = wg_hash64(hash ^ wg_hash(record->payload.data, record->payload.size));
        hash = wg_hash64(hash ^ wg_hash(record->vectors[0].data, DIM * sizeof(float)));
    }
    waggle_cursor_close(cursor);
    waggle_collection_close(collection);
    return hash;
}

static inline uint64_t count(fixture *f, const char *name)
{
    waggle_error error;
    uint64_t points = 0;
    waggle_collection *collection = collection_of(f, name);
    WG_OK(waggle_count(collection, &points, &error));
    waggle_collection_close(collection);
    return points;
}

static inline void found(void *context, const char *file, const char *finding)
{
    (void)context;
    fail_msg("%s: %s", file, finding);
}

static inline void check_sound(fixture *f)
{
    waggle_error error;
    WG_OK(waggle_verify(f->database, found, NULL, NULL, &error));
}

// "films" with a sealed part, deletes, an overlay and a head, and "books".
static inline void begin(fixture *f)
{
    waggle_error error;
    *f = (fixture){.disk = sim_disk_create(1)};
    WG_OK(open_at(f, "db", false, &error));
    WG_OK(waggle_collection_create_simple(f->database, "films", DIM, WAGGLE_L2, WAGGLE_F32, NULL,
                                          &error));
    WG_OK(waggle_collection_create_simple(f->database, "books", DIM, WAGGLE_L2, WAGGLE_F32, NULL,
                                          &error));
    WG_OK(put(f, "films", 0, 40, 1, &error));
    WG_OK(put(f, "books", 0, 5, 1, &error));
    WG_OK(wg_checkpoint(f->database, &error)); // both in one file
    delete_one(f, "films", 3);
    describe_one(f, "films", 4);
    WG_OK(put(f, "films", 35, 10, 2, &error));
}

static inline void end(fixture *f)
{
    check_sound(f);
    close_database(f);
    sim_disk_destroy(f->disk);
}

static inline uint64_t listed(fixture *f)
{
    waggle_error error;
    waggle_snapshot_list *list = NULL;
    WG_OK(waggle_snapshot_list_create(f->database, &list, &error));
    uint64_t snapshots = waggle_snapshot_list_count(list);
    waggle_snapshot_list_destroy(list);
    return snapshots;
}

static inline waggle_status create(fixture *f, const char *collection, const char *name,
                                   waggle_error *error)
{
    return waggle_snapshot_create(f->database, collection, name, NULL, error);
}

static inline waggle_status restore(fixture *f, const char *snapshot, const char *collection,
                                    const char *name, waggle_error *error)
{
    return waggle_snapshot_restore(f->database, snapshot, collection, name, error);
}
