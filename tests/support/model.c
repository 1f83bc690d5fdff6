#include "support/model.h"

#include "support/points.h"

#include <math.h>
#include <stdlib.h>

static void vector_of(uint32_t stamp, float vector[MODEL_DIM])
{
    vector[0] = (float)(stamp % 101);
    vector[1] = (float)(stamp / 101 % 103);
    vector[2] = (float)(stamp % 7);
}

// A batch of the operation: indices, with repetitions.
typedef struct batch {
    uint32_t count;
    uint32_t index[MODEL_BATCH_MAX];
    waggle_id ids[MODEL_BATCH_MAX];
    char id_texts[MODEL_BATCH_MAX][POINTS_ID_SIZE];
    float vectors[MODEL_BATCH_MAX][MODEL_DIM];
    uint8_t present[MODEL_BATCH_MAX];
    uint32_t stamps[MODEL_BATCH_MAX];
    uint32_t payload_stamps[MODEL_BATCH_MAX];
    char payload_texts[MODEL_BATCH_MAX][POINTS_PAYLOAD_SIZE];
    waggle_text payloads[MODEL_BATCH_MAX];
} batch;

static void batch_make(batch *b, model *m, test_random *random)
{
    b->count = 1 + (uint32_t)test_below(random, MODEL_BATCH_MAX);
    m->stamp++;
    for (uint32_t i = 0; i < b->count; i++) {
        b->index[i] = (uint32_t)test_below(random, MODEL_IDS);
        points_id(b->index[i], &b->ids[i], b->id_texts[i]);
        b->stamps[i] = m->stamp * MODEL_BATCH_MAX + i;
        vector_of(b->stamps[i], b->vectors[i]);
        b->present[i] = test_below(random, 8) != 0;
        b->payload_stamps[i] = test_below(random, 3) == 0 ? 0 : b->stamps[i];
        b->payloads[i] = points_payload(b->payload_stamps[i], b->payload_texts[i]);
    }
}

static waggle_points points_of(const batch *b, waggle_vectors *vectors)
{
    *vectors = (waggle_vectors){.rows = waggle_rows_f32(&b->vectors[0][0], b->count, MODEL_DIM),
                                .present = b->present};
    return (waggle_points){.struct_size = sizeof(waggle_points),
                           .count = b->count,
                           .ids = b->ids,
                           .vectors = vectors,
                           .vector_count = 1,
                           .payloads = b->payloads};
}

static void model_upsert(model *m, const batch *b)
{
    for (uint32_t i = 0; i < b->count; i++)
        m->points[b->index[i]] =
            (model_point){true, b->present[i] == 0, b->stamps[i], b->payload_stamps[i]};
}

static model_op op_choose(test_random *random)
{
    static const uint8_t weights[MODEL_OPS] = {50, 20, 15, 4, 5, 2, 4};
    uint64_t at = test_below(random, 100);
    for (uint32_t op = 0; op < MODEL_OPS; op++) {
        if (at < weights[op]) return (model_op)op;
        at -= weights[op];
    }
    return MODEL_UPSERT;
}

waggle_status model_create(waggle_database *database, waggle_collection **collection,
                           waggle_error *error)
{
    const waggle_vector_spec vector = {
        .dim = MODEL_DIM, .type = WAGGLE_F32, .metric = WAGGLE_L2, .scan = WAGGLE_SCAN_CERTIFIED};
    return waggle_collection_create(database, "c",
                                    waggle_collection_spec(.vectors = &vector, .vector_count = 1),
                                    collection, error);
}

waggle_status model_step(model *m, test_random *random, waggle_collection *collection,
                         waggle_error *error)
{
    batch b;
    waggle_vectors vectors;
    batch_make(&b, m, random);
    waggle_points points = points_of(&b, &vectors);
    switch (op_choose(random)) {
    case MODEL_UPSERT: model_upsert(m, &b); return waggle_upsert(collection, &points, NULL, error);
    case MODEL_IMPORT: model_upsert(m, &b); return points_import(collection, &points, error);
    case MODEL_DELETE:
        for (uint32_t i = 0; i < b.count; i++)
            m->points[b.index[i]].there = false;
        return waggle_delete(collection, b.ids, b.count, NULL, NULL, error);
    case MODEL_PAYLOAD:
        for (uint32_t i = 0; i < b.count; i++)
            m->points[b.index[i]].payload = b.payload_stamps[i];
        return waggle_payload_set(collection, b.ids, b.payloads, b.count, NULL, NULL, error);
    case MODEL_SEAL: return points_seal(collection, error);
    case MODEL_COMPACT: return waggle_compact(collection, error);
    default: return waggle_flush(collection->database, error);
    }
}

// ---- Comparing -----------------------------------------------------------------------------------

static bool differs(char *why, size_t capacity, const char *what, uint64_t a, uint64_t b)
{
    snprintf(why, capacity, "%s: %llu, expected %llu", what, (unsigned long long)a,
             (unsigned long long)b);
    return false;
}

static bool record_equal(const model_point *point, const waggle_record *record, char *why,
                         size_t capacity)
{
    float expected[MODEL_DIM];
    uint64_t stamp = points_stamp(record->payload);
    if (stamp != point->payload)
        return differs(why, capacity, "stamp of the payload", stamp, point->payload);
    const float *vector = record->vectors[0].data;
    if ((vector == NULL) != point->lacks)
        return differs(why, capacity, "lacks its vector", vector == NULL, point->lacks);
    vector_of(point->vector, expected);
    if (vector != NULL && memcmp(vector, expected, sizeof expected) != 0)
        return differs(why, capacity, "vector", (uint64_t)vector[0], (uint64_t)expected[0]);
    return true;
}

static bool id_is(uint32_t index, const waggle_id *id)
{
    waggle_id wanted;
    char text[POINTS_ID_SIZE];
    points_id(index, &wanted, text);
    return waggle_id_compare(&wanted, id) == 0;
}

static bool walk_equal(const model *m, waggle_collection *collection, char *why, size_t capacity)
{
    waggle_error error;
    waggle_cursor *cursor = NULL;
    waggle_read_options options = {.struct_size = sizeof options, .with_vectors = true};
    if (waggle_cursor_open(collection, &options, &cursor, &error) != WAGGLE_OK) {
        snprintf(why, capacity, "cursor: %s", error.message);
        return false;
    }
    bool equal = true;
    // Numbers, then UUIDs, then strings: the order of ids.
    for (uint32_t kind = 0; equal && kind < 3; kind++) {
        for (uint32_t i = kind; equal && i < MODEL_IDS; i += 3) {
            const waggle_record *record = NULL;
            if (!m->points[i].there) continue;
            if (waggle_cursor_next(cursor, &record, &error) != WAGGLE_OK) {
                snprintf(why, capacity, "cursor: %s", error.message);
                equal = false;
            } else if (record == NULL || !id_is(i, &record->id)) {
                equal = differs(why, capacity, "the walk lacks index", record != NULL, i);
            } else {
                equal = record_equal(&m->points[i], record, why, capacity);
            }
        }
    }
    const waggle_record *more = NULL;
    if (equal && (waggle_cursor_next(cursor, &more, &error) != WAGGLE_OK || more != NULL)) {
        snprintf(why, capacity, "the walk has a point too many");
        equal = false;
    }
    waggle_cursor_close(cursor);
    return equal;
}

static bool gets_equal(const model *m, waggle_collection *collection, char *why, size_t capacity)
{
    waggle_error error;
    waggle_records *records = NULL;
    waggle_id ids[MODEL_IDS];
    char texts[MODEL_IDS][POINTS_ID_SIZE];
    waggle_read_options options = {.struct_size = sizeof options, .with_vectors = true};
    for (uint32_t i = 0; i < MODEL_IDS; i++)
        points_id(i, &ids[i], texts[i]);
    if (waggle_get(collection, ids, MODEL_IDS, &options, &records, &error) != WAGGLE_OK) {
        snprintf(why, capacity, "get: %s", error.message);
        return false;
    }
    bool equal = true;
    for (uint32_t i = 0; equal && i < MODEL_IDS; i++) {
        const waggle_record *record = waggle_records_at(records, i);
        if (record->found != m->points[i].there)
            equal = differs(why, capacity, "found by id", i, m->points[i].there);
        else if (record->found)
            equal = record_equal(&m->points[i], record, why, capacity);
    }
    waggle_records_destroy(records);
    return equal;
}

typedef struct scored {
    double score;
    uint32_t index;
} scored;

static int scored_compare(const void *a, const void *b)
{
    const scored *x = a;
    const scored *y = b;
    if (x->score != y->score) return x->score < y->score ? -1 : 1;
    uint32_t kind_x = x->index % 3;
    uint32_t kind_y = y->index % 3;
    if (kind_x != kind_y) return kind_x < kind_y ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

static bool search_equal(const model *m, waggle_collection *collection, uint32_t stamp, uint32_t k,
                         char *why, size_t capacity)
{
    waggle_error error;
    waggle_hits *hits = NULL;
    float query[MODEL_DIM];
    scored all[MODEL_IDS];
    uint32_t count = 0;
    vector_of(stamp, query);
    for (uint32_t i = 0; i < MODEL_IDS; i++) {
        float v[MODEL_DIM];
        double score = 0;
        if (!m->points[i].there || m->points[i].lacks) continue;
        vector_of(m->points[i].vector, v);
        for (uint32_t j = 0; j < MODEL_DIM; j++)
            score += ((double)query[j] - v[j]) * ((double)query[j] - v[j]);
        all[count++] = (scored){score, i};
    }
    qsort(all, count, sizeof all[0], scored_compare);
    waggle_rows rows = waggle_rows_f32(query, 1, MODEL_DIM);
    waggle_search_options options = {.struct_size = sizeof options, .k = k, .with_payload = true};
    if (waggle_search(collection, &rows, &options, &hits, &error) != WAGGLE_OK) {
        snprintf(why, capacity, "search: %s", error.message);
        return false;
    }
    uint32_t found = 0;
    const waggle_hit *hit = waggle_hits_at(hits, 0, &found);
    bool equal =
        found == WG_MIN(k, count) || differs(why, capacity, "hits", found, WG_MIN(k, count));
    for (uint32_t i = 0; equal && i < found; i++) {
        uint64_t payload = points_stamp(hit[i].payload);
        uint32_t expected = m->points[all[i].index].payload;
        if (!id_is(all[i].index, &hit[i].id) || hit[i].score != (float)all[i].score)
            equal = differs(why, capacity, "the hit at a place is not the expected index", i,
                            all[i].index);
        else if (payload != expected)
            equal = differs(why, capacity, "stamp of a hit's payload", payload, expected);
    }
    waggle_hits_destroy(hits);
    return equal;
}

bool model_equal(const model *m, waggle_collection *collection, bool deep, char *why,
                 size_t capacity)
{
    waggle_error error;
    uint64_t expected = 0;
    uint64_t points = 0;
    for (uint32_t i = 0; i < MODEL_IDS; i++)
        expected += m->points[i].there;
    if (waggle_count(collection, &points, &error) != WAGGLE_OK) {
        snprintf(why, capacity, "count: %s", error.message);
        return false;
    }
    if (points != expected) return differs(why, capacity, "count", points, expected);
    if (!walk_equal(m, collection, why, capacity)) return false;
    if (!gets_equal(m, collection, why, capacity)) return false;
    if (!deep) return true;
    return search_equal(m, collection, m->stamp * 31, 1, why, capacity) &&
           search_equal(m, collection, m->stamp * 17 + 3, 10, why, capacity) &&
           search_equal(m, collection, m->stamp + 5, MODEL_IDS, why, capacity);
}
