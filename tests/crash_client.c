// A client that is killed, and a check of what it left behind.
//
//   crash_client run DB ACKS SEED        writes until it is killed, or until a write fails
//   crash_client check DB ACKS SEED MOST compares the database with what was acknowledged
//
// WRITERS threads each own a collection and run operations 1, 2, 3, ... in order. Operation n of a writer is a
// function of seed, writer and n alone, and so is the state of its collection after n operations: the
// check computes it, and nothing but the number of the last acknowledged operation must be remembered. The
// client keeps that number in ACKS.<writer>, outside the database: written after each acknowledgement and
// before the next operation. The kernel survives what is tested here, so the write needs no sync.
//
// The database must then be in the state after m operations, acknowledged <= m <= acknowledged + MOST: nothing
// acknowledged is lost, no batch is there by half, nothing is there that was not asked for. MOST is 1 after
// a kill (the operation in flight); after a power cut, it is what was done between reading ACKS and the cut.
// The check writes m to ACKS, so that the next run continues there, and the model to ACKS.<writer>.model.
#include "waggle.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WRITERS 3u
#define POINTS 3000u // ids of a collection
#define BATCH_MAX 400u
#define DIM 16u
#define TAG_DIM 8u // the second vector, which every other write of a point lacks

// ---- The model -----------------------------------------------------------------------------------

// A point is known by the operations that wrote its vectors and its payload; 0 = it does not exist.
typedef struct crash_point {
    uint64_t vector_operation;
    uint64_t payload_operation;
} crash_point;

typedef struct crash_model {
    uint64_t operations; // applied so far
    crash_point points[POINTS];
} crash_model;

typedef enum crash_kind {
    UPSERT,
    IMPORT,
    DELETE,
    PAYLOAD,
    COMPACT,
    SNAPSHOT,
    FLUSH,
    SEARCH,
} crash_kind;

typedef struct crash_operation {
    uint64_t number;
    crash_kind kind;
    uint32_t count;
    uint32_t indexes[BATCH_MAX]; // of points; may repeat
} crash_operation;

static uint64_t mix(uint64_t z) // splitmix64
{
    z += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static crash_operation operation_make(uint64_t seed, uint32_t writer, uint64_t number)
{
    crash_operation operation = {.number = number};
    uint64_t random = mix(mix(seed * WRITERS + writer) ^ number);
    uint64_t choice = random % 100;
    uint32_t most = 1;

    if (choice < 60) {
        operation.kind = UPSERT;
        most = choice < 20 ? 1 : choice < 50 ? 64 : BATCH_MAX;
    } else if (choice < 75) {
        operation.kind = DELETE;
        most = 32;
    } else if (choice < 90) {
        operation.kind = PAYLOAD;
        most = 32;
    } else if (choice < 93) {
        operation.kind = IMPORT;
        most = BATCH_MAX;
    } else {
        operation.kind = choice < 94   ? COMPACT
                         : choice < 95 ? SNAPSHOT
                         : choice < 97 ? FLUSH
                                       : SEARCH;
    }
    operation.count = (uint32_t)(mix(random) % most) + 1;
    for (uint32_t i = 0; i < operation.count; i++) {
        operation.indexes[i] = (uint32_t)(mix(random + i + 1) % POINTS);
    }
    return operation;
}

static void model_apply(crash_model *model, const crash_operation *operation)
{
    for (uint32_t i = 0; i < operation->count; i++) {
        crash_point *point = &model->points[operation->indexes[i]];
        switch (operation->kind) {
        case UPSERT:
        case IMPORT: *point = (crash_point){operation->number, operation->number}; break;
        case DELETE: *point = (crash_point){0, 0}; break;
        case PAYLOAD:
            if (point->vector_operation != 0) point->payload_operation = operation->number;
            break;
        case COMPACT:
        case SNAPSHOT:
        case FLUSH:
        case SEARCH: break;
        }
    }
    model->operations = operation->number;
}

// ---- Points as bytes: everything is derived from the index and the operation ----------------------

static waggle_id id_make(uint32_t index, char text[24])
{
    waggle_id id = waggle_id_number(index);
    if (index % 3 == 1) {
        id.kind = WAGGLE_ID_UUID;
        for (uint32_t i = 0; i < 16; i++) {
            id.value.uuid[i] = (uint8_t)(mix(i) >> 8);
        }
        memcpy(id.value.uuid, &index, sizeof(index));
    } else if (index % 3 == 2) {
        snprintf(text, 24, "point-%05u", index);
        id = waggle_id_string(text);
    }
    return id;
}

static void vector_make(uint32_t index, uint64_t operation, float vector[DIM])
{
    vector[0] = (float)(operation & 0xFFFFF);
    vector[1] = (float)(operation >> 20);
    for (uint32_t i = 2; i < DIM; i++) {
        vector[i] = (float)(mix(operation * POINTS + index + i) % 2001) - 1000.0f;
    }
}

static uint64_t vector_decode(const float vector[DIM])
{
    return (uint64_t)vector[0] | (uint64_t)vector[1] << 20;
}

static bool tag_make(uint32_t index, uint64_t operation, uint8_t tag[TAG_DIM])
{
    uint64_t random = mix(operation ^ ((uint64_t)index << 40));
    memcpy(tag, &random, TAG_DIM);
    return random % 2 == 0;
}

static size_t payload_make(uint32_t index, uint64_t operation, char text[64])
{
    return (size_t)snprintf(text, 64, "{\"point\":%u,\"operation\":%" PRIu64 "}", index, operation);
}

// ---- Running -------------------------------------------------------------------------------------

typedef struct crash_batch {
    waggle_id ids[BATCH_MAX];
    char id_texts[BATCH_MAX][24];
    float vectors[BATCH_MAX][DIM];
    uint8_t tags[BATCH_MAX][TAG_DIM];
    uint8_t tag_present[BATCH_MAX];
    waggle_text payloads[BATCH_MAX];
    char payload_texts[BATCH_MAX][64];
    waggle_vectors columns[2];
} crash_batch;

static waggle_points batch_make(crash_batch *batch, const crash_operation *operation)
{
    uint32_t count = operation->count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t index = operation->indexes[i];
        batch->ids[i] = id_make(index, batch->id_texts[i]);
        vector_make(index, operation->number, batch->vectors[i]);
        batch->tag_present[i] = tag_make(index, operation->number, batch->tags[i]);
        batch->payloads[i].data = batch->payload_texts[i];
        batch->payloads[i].size = payload_make(index, operation->number, batch->payload_texts[i]);
    }
    batch->columns[0] =
        (waggle_vectors){NULL, waggle_rows_f32(batch->vectors[0], count, DIM), NULL};
    batch->columns[1] = (waggle_vectors){
        "tag", waggle_rows_of(WAGGLE_U8, batch->tags, count, TAG_DIM), batch->tag_present};
    return *waggle_points_of(.count = count, .ids = batch->ids, .vectors = batch->columns,
                             .vector_count = 2, .payloads = batch->payloads);
}

typedef struct crash_writer {
    waggle_database *database;
    waggle_collection *collection;
    uint64_t seed;
    uint32_t number;
    int acks;      // the file
    uint64_t next; // operation
    crash_batch batch;
    waggle_error error;
} crash_writer;

static waggle_status import_run(crash_writer *writer, const waggle_points *points)
{
    waggle_import *import = NULL;
    waggle_status status = waggle_import_open(writer->collection, &import, &writer->error);
    if (status != WAGGLE_OK) return status;
    status = waggle_import_add(import, points, &writer->error);
    if (status == WAGGLE_OK) status = waggle_import_commit(import, &writer->error);
    waggle_import_close(import);
    return status;
}

static waggle_status snapshot_run(crash_writer *writer, uint64_t number)
{
    char name[64];
    snprintf(name, sizeof(name), "w%u-%" PRIu64, writer->number, number);
    waggle_status status =
        waggle_snapshot_create(writer->database, NULL, name, NULL, &writer->error);
    if (status == WAGGLE_EXISTS)
        status = WAGGLE_OK; // the kill came between it and the acknowledgement
    if (status != WAGGLE_OK) return status;
    return waggle_snapshot_delete(writer->database, name, &writer->error);
}

static waggle_status search_run(crash_writer *writer)
{
    waggle_hits *hits = NULL;
    waggle_rows query = waggle_rows_f32(writer->batch.vectors[0], 1, DIM);
    waggle_status status = waggle_search(writer->collection, &query, waggle_search_options(.k = 3),
                                         &hits, &writer->error);
    waggle_hits_destroy(hits);
    return status;
}

static waggle_status operation_run(crash_writer *writer, const crash_operation *operation)
{
    crash_batch *batch = &writer->batch;
    waggle_collection *collection = writer->collection;
    waggle_error *error = &writer->error;
    waggle_points points = batch_make(batch, operation);
    uint32_t count = operation->count;

    switch (operation->kind) {
    case UPSERT: return waggle_upsert(collection, &points, NULL, error);
    case IMPORT: return import_run(writer, &points);
    case DELETE: return waggle_delete(collection, batch->ids, count, NULL, NULL, error);
    case PAYLOAD:
        return waggle_payload_set(collection, batch->ids, batch->payloads, count, NULL, NULL,
                                  error);
    case COMPACT: return waggle_compact(collection, error);
    case SNAPSHOT: return snapshot_run(writer, operation->number);
    case FLUSH: return waggle_flush(writer->database, error);
    case SEARCH: break;
    }
    return search_run(writer);
}

static void *writer_main(void *context)
{
    crash_writer *writer = context;
    for (;; writer->next++) {
        crash_operation operation = operation_make(writer->seed, writer->number, writer->next);
        if (operation_run(writer, &operation) != WAGGLE_OK) {
            fprintf(stderr, "writer %u, operation %" PRIu64 ": %s\n", writer->number, writer->next,
                    writer->error.message);
            exit(1);
        }
        if (pwrite(writer->acks, &writer->next, sizeof(writer->next), 0) != sizeof(writer->next)) {
            perror("acks");
            exit(1);
        }
    }
    return NULL;
}

// ---- Opening -------------------------------------------------------------------------------------

static void fail(const char *what, const waggle_error *error)
{
    fprintf(stderr, "%s: %s: %s\n", what, waggle_status_name(error->status), error->message);
    exit(1);
}

// Small heads and a small log, so that sealing, merging and trimming happen all the time.
static waggle_database *database_open(const char *path)
{
    waggle_database *database = NULL;
    waggle_error error = {0};
    if (waggle_open(path, waggle_open_options(.head_size_max = 1u << 20, .log_size_max = 64u << 20),
                    &database, &error) != WAGGLE_OK) {
        fail(path, &error);
    }
    return database;
}

static waggle_collection *collection_open(waggle_database *database, uint32_t number, bool create)
{
    static const waggle_vector_spec vectors[] = {
        {NULL,  DIM,     WAGGLE_F32, WAGGLE_L2, WAGGLE_SCAN_CERTIFIED},
        {"tag", TAG_DIM, WAGGLE_U8,  WAGGLE_L2, WAGGLE_SCAN_AUTO     },
    };
    waggle_collection *collection = NULL;
    waggle_error error = {0};
    char name[24];
    snprintf(name, sizeof(name), "writer%u", number);
    waggle_status status = waggle_collection_open(database, name, &collection, &error);
    if (status == WAGGLE_NOT_FOUND && create) {
        status = waggle_collection_create(
            database, name, waggle_collection_spec(.vector_count = 2, .vectors = vectors),
            &collection, &error);
    }
    if (status != WAGGLE_OK && status != WAGGLE_NOT_FOUND) fail(name, &error);
    return collection;
}

static int acks_open(const char *path, uint32_t number, const char *suffix)
{
    char name[4096];
    snprintf(name, sizeof(name), "%s.%u%s", path, number, suffix);
    int file = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (file < 0) {
        perror(name);
        exit(2);
    }
    return file;
}

static uint64_t acks_read(int file)
{
    uint64_t number = 0;
    return pread(file, &number, sizeof(number), 0) == sizeof(number) ? number : 0;
}

static int run(const char *path, const char *acks, uint64_t seed)
{
    static crash_writer writers[WRITERS];
    pthread_t threads[WRITERS];
    waggle_database *database = database_open(path);

    for (uint32_t i = 0; i < WRITERS; i++) {
        writers[i].database = database;
        writers[i].collection = collection_open(database, i, true);
        writers[i].seed = seed;
        writers[i].number = i;
        writers[i].acks = acks_open(acks, i, "");
        writers[i].next = acks_read(writers[i].acks) + 1;
    }
    for (uint32_t i = 0; i < WRITERS; i++) {
        if (pthread_create(&threads[i], NULL, writer_main, &writers[i]) != 0) return 2;
    }
    for (uint32_t i = 0; i < WRITERS; i++) {
        pthread_join(threads[i], NULL);
    }
    return 0;
}

// ---- Checking ------------------------------------------------------------------------------------

typedef struct crash_checker {
    crash_model found; // as the database has it
    uint64_t versions[POINTS];
    char complaint[256];
} crash_checker;

static bool complain(crash_checker *checker, const char *format, uint32_t index, uint64_t operation)
{
    int size = snprintf(checker->complaint, sizeof(checker->complaint),
                        "point %u of operation %" PRIu64 ": ", index, operation);
    snprintf(checker->complaint + size, sizeof(checker->complaint) - (size_t)size, "%s", format);
    return false;
}

static bool index_of(const waggle_id *id, uint32_t *index)
{
    char text[WAGGLE_ID_TEXT_SIZE];
    *index = POINTS;
    if (id->kind == WAGGLE_ID_NUMBER) {
        *index = (uint32_t)id->value.number;
    } else if (id->kind == WAGGLE_ID_UUID) {
        memcpy(index, id->value.uuid, sizeof(*index));
    } else if (id->size > 6) {
        waggle_id_format(id, text, sizeof(text));
        *index = (uint32_t)strtoul(text + 6, NULL, 10);
    }
    if (*index >= POINTS) return false;
    waggle_id expected = id_make(*index, text);
    return waggle_id_compare(id, &expected) == 0;
}

// One record is what some operation wrote: its vectors all of one, its payload of the same or a later one.
static bool record_check(crash_checker *checker, const waggle_record *record)
{
    uint32_t index = 0;
    float vector[DIM];
    uint8_t tag[TAG_DIM];
    char payload[64];

    if (!index_of(&record->id, &index))
        return complain(checker, "an id that was never written", 0, 0);
    if (record->vector_count != 2 || record->vectors[0].data == NULL) {
        return complain(checker, "the vector is missing", index, 0);
    }
    memcpy(vector, record->vectors[0].data, sizeof(vector));
    uint64_t operation = vector_decode(vector);
    vector_make(index, operation, vector);
    if (memcmp(vector, record->vectors[0].data, sizeof(vector)) != 0) {
        return complain(checker, "the vector was never written", index, operation);
    }
    bool tagged = tag_make(index, operation, tag);
    if (tagged != (record->vectors[1].data != NULL) ||
        (tagged && memcmp(tag, record->vectors[1].data, TAG_DIM) != 0)) {
        return complain(checker, "the second vector is of another write", index, operation);
    }
    snprintf(payload, sizeof(payload), "%.*s", (int)record->payload.size, record->payload.data);
    const char *number = strrchr(payload, ':');
    uint64_t payload_operation = number != NULL ? strtoull(number + 1, NULL, 10) : 0;
    size_t size = payload_make(index, payload_operation, payload);
    if (size != record->payload.size || memcmp(payload, record->payload.data, size) != 0) {
        return complain(checker, "the payload was never written", index, operation);
    }
    if (checker->found.points[index].vector_operation != 0) {
        return complain(checker, "the point is there twice", index, operation);
    }
    checker->found.points[index] = (crash_point){operation, payload_operation};
    checker->versions[index] = record->version;
    return true;
}

// Reads the collection into checker->found.
static bool collection_read(crash_checker *checker, waggle_collection *collection)
{
    waggle_error error = {0};
    waggle_cursor *cursor = NULL;
    const waggle_record *record = NULL;
    bool good = true;
    if (waggle_cursor_open(collection, waggle_read_options(.with_vectors = true), &cursor,
                           &error) != WAGGLE_OK) {
        fail("cursor", &error);
    }
    do {
        if (waggle_cursor_next(cursor, &record, &error) != WAGGLE_OK) fail("cursor", &error);
        if (record != NULL) good = record_check(checker, record);
    } while (record != NULL && good);
    waggle_cursor_close(cursor);
    return good;
}

// Points of one write have one version, and later writes higher ones.
static bool versions_check(crash_checker *checker)
{
    for (uint32_t i = 1; i < POINTS; i++) {
        const crash_point *a = &checker->found.points[i - 1], *b = &checker->found.points[i];
        uint64_t version_a = checker->versions[i - 1], version_b = checker->versions[i];
        if (a->vector_operation == 0 || b->vector_operation == 0) continue;
        if ((a->payload_operation < b->payload_operation) != (version_a < version_b) ||
            (a->payload_operation == b->payload_operation) != (version_a == version_b)) {
            return complain(checker, "the version is out of order", i, b->payload_operation);
        }
    }
    return true;
}

// A stored vector is found by searching for it.
static bool search_check(crash_checker *checker, waggle_collection *collection, uint64_t seed)
{
    for (uint32_t i = 0; i < 5; i++) {
        uint32_t index = (uint32_t)(mix(seed + i) % POINTS), count = 0, found = 0;
        float vector[DIM];
        waggle_hits *hits = NULL;
        waggle_error error = {0};
        uint64_t operation = checker->found.points[index].vector_operation;
        if (operation == 0) continue;
        vector_make(index, operation, vector);
        waggle_rows query = waggle_rows_f32(vector, 1, DIM);
        if (waggle_search(collection, &query, waggle_search_options(.k = 1), &hits, &error) !=
            WAGGLE_OK) {
            fail("search", &error);
        }
        const waggle_hit *hit = waggle_hits_at(hits, 0, &count);
        bool good =
            count == 1 && hit->score <= 0.0f && index_of(&hit->id, &found) && found == index;
        waggle_hits_destroy(hits);
        if (!good) return complain(checker, "a search does not find the point", index, operation);
    }
    return true;
}

// Finds m with model(m) = found, from the acknowledged operation on. Returns false if there is none.
static bool model_match(crash_model *model, const crash_checker *checker, uint64_t seed,
                        uint32_t writer, uint64_t acknowledged, uint64_t most)
{
    while (model->operations < acknowledged + most) {
        if (model->operations >= acknowledged &&
            memcmp(model->points, checker->found.points, sizeof(model->points)) == 0) {
            return true;
        }
        crash_operation operation = operation_make(seed, writer, model->operations + 1);
        model_apply(model, &operation);
    }
    return memcmp(model->points, checker->found.points, sizeof(model->points)) == 0;
}

static void difference_print(uint64_t seed, uint32_t writer, const crash_checker *checker,
                             uint64_t acknowledged)
{
    static crash_model expected;
    memset(&expected, 0, sizeof(expected));
    while (expected.operations < acknowledged) {
        crash_operation operation = operation_make(seed, writer, expected.operations + 1);
        model_apply(&expected, &operation);
    }
    for (uint32_t i = 0, shown = 0; i < POINTS && shown < 5; i++) {
        const crash_point *a = &expected.points[i], *b = &checker->found.points[i];
        if (memcmp(a, b, sizeof(*a)) == 0) continue;
        fprintf(stderr,
                "  point %u: acknowledged are vector %" PRIu64 ", payload %" PRIu64
                "; found vector %" PRIu64 ", payload %" PRIu64 "\n",
                i, a->vector_operation, a->payload_operation, b->vector_operation,
                b->payload_operation);
        shown++;
    }
}

static bool writer_check(waggle_database *database, const char *acks, uint64_t seed,
                         uint32_t writer, uint64_t most)
{
    static crash_checker checker;
    static crash_model model;
    int ack_file = acks_open(acks, writer, "");
    int model_file = acks_open(acks, writer, ".model");
    uint64_t acknowledged = acks_read(ack_file);
    waggle_collection *collection = collection_open(database, writer, false);
    bool good = true;

    memset(&checker, 0, sizeof(checker));
    if (pread(model_file, &model, sizeof(model), 0) != sizeof(model))
        memset(&model, 0, sizeof(model));
    if (collection != NULL) {
        good = collection_read(&checker, collection) && versions_check(&checker) &&
               search_check(&checker, collection, acknowledged);
    }
    if (!good) {
        fprintf(stderr, "writer %u: %s\n", writer, checker.complaint);
    } else if (!model_match(&model, &checker, seed, writer, acknowledged, most)) {
        fprintf(stderr,
                "writer %u: not the state after operation %" PRIu64 " nor up to %" PRIu64
                " later\n",
                writer, acknowledged, most);
        difference_print(seed, writer, &checker, acknowledged);
        good = false;
    } else if (pwrite(model_file, &model, sizeof(model), 0) != sizeof(model) ||
               pwrite(ack_file, &model.operations, sizeof(uint64_t), 0) != sizeof(uint64_t)) {
        perror("acks");
        good = false;
    } else {
        printf("writer %u: %" PRIu64 " acknowledged, %" PRIu64 " found\n", writer, acknowledged,
               model.operations);
    }
    waggle_collection_close(collection);
    close(ack_file);
    close(model_file);
    return good;
}

static void finding_print(void *context, const char *file, const char *finding)
{
    (void)context;
    fprintf(stderr, "verify: %s: %s\n", file, finding);
}

static int check(const char *path, const char *acks, uint64_t seed, uint64_t most)
{
    waggle_database *database = database_open(path);
    waggle_verify_report report = {0};
    waggle_error error = {0};
    bool good = true;

    for (uint32_t i = 0; i < WRITERS; i++) {
        good = writer_check(database, acks, seed, i, most) && good;
    }
    if (waggle_verify(database, finding_print, NULL, &report, &error) != WAGGLE_OK) {
        fprintf(stderr, "verify: %s\n", error.message);
        good = false;
    }
    if (waggle_close(database, &error) != WAGGLE_OK) fail("close", &error);
    return good ? 0 : 1;
}

int main(int count, char **arguments)
{
    if (count == 5 && strcmp(arguments[1], "run") == 0) {
        return run(arguments[2], arguments[3], strtoull(arguments[4], NULL, 10));
    }
    if (count == 6 && strcmp(arguments[1], "check") == 0) {
        return check(arguments[2], arguments[3], strtoull(arguments[4], NULL, 10),
                     strtoull(arguments[5], NULL, 10));
    }
    fprintf(stderr, "usage: %s run DB ACKS SEED | check DB ACKS SEED MOST\n", arguments[0]);
    return 2;
}
