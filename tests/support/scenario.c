#include "support/scenario.h"

#include "support/points.h"

#include <stdlib.h>

// Names are numbers in states.
static const char *const names[] = {NULL, "alpha", "beta", "gone"};

enum {
    ALPHA = 1,
    BETA,
    GONE
};

// ---- What is in a point --------------------------------------------------------------------------

// Everything about a point follows from its stamps: "a" is f32 under l2, "b" i8 under dot, "c" f32 under cosine.
static const waggle_vector_spec vector_specs[] = {
    {"a", 2, WAGGLE_F32, WAGGLE_L2,     WAGGLE_SCAN_CERTIFIED},
    {"b", 3, WAGGLE_I8,  WAGGLE_DOT,    WAGGLE_SCAN_AUTO     },
    {"c", 2, WAGGLE_F32, WAGGLE_COSINE, WAGGLE_SCAN_PROBABLE },
};

static bool lacks(uint32_t field, uint32_t stamp)
{
    return (field == 0 && stamp % 5 == 0) || (field == 1 && stamp % 2 == 0) ||
           (field == 2 && stamp % 3 == 0);
}

typedef struct points {
    uint32_t count;
    waggle_id ids[SCENARIO_IDS];
    char texts[SCENARIO_IDS][POINTS_ID_SIZE];
    float a[SCENARIO_IDS][2];
    int8_t b[SCENARIO_IDS][3];
    float c[SCENARIO_IDS][2];
    uint8_t present[3][SCENARIO_IDS];
    char payload_texts[SCENARIO_IDS][POINTS_PAYLOAD_SIZE];
    waggle_text payloads[SCENARIO_IDS];
} points;

// Points first..last; the stamp of point i is stamp + i.
static void points_make(points *p, uint32_t first, uint32_t last, uint32_t stamp)
{
    *p = (points){.count = last - first + 1};
    for (uint32_t i = 0; i < p->count; i++) {
        uint32_t s = stamp + first + i;
        points_id(first + i, &p->ids[i], p->texts[i]);
        p->a[i][0] = (float)s;
        p->b[i][0] = (int8_t)(s % 100);
        p->c[i][1] = (float)s; // its norm is s, too
        for (uint32_t field = 0; field < 3; field++)
            p->present[field][i] = !lacks(field, s);
        p->payloads[i] = points_payload(s % 4 == 0 ? 0 : s, p->payload_texts[i]);
    }
}

static waggle_points points_columns(const points *p, waggle_vectors columns[3])
{
    columns[0] =
        (waggle_vectors){"a", waggle_rows_of(WAGGLE_F32, p->a, p->count, 2), p->present[0]};
    columns[1] = (waggle_vectors){"b", waggle_rows_of(WAGGLE_I8, p->b, p->count, 3), p->present[1]};
    columns[2] =
        (waggle_vectors){"c", waggle_rows_of(WAGGLE_F32, p->c, p->count, 2), p->present[2]};
    return (waggle_points){.struct_size = sizeof(waggle_points),
                           .count = p->count,
                           .ids = p->ids,
                           .vectors = columns,
                           .vector_count = 3,
                           .payloads = p->payloads};
}

// ---- Reading -------------------------------------------------------------------------------------

static uint16_t payload_stamp(waggle_text payload)
{
    uint64_t stamp = points_stamp(payload);
    WG_CHECK(stamp <= UINT16_MAX);
    return (uint16_t)stamp;
}

// Of stamps that lack all of their vectors nothing is read back but that.
#define STAMP_BARE 30u

static uint16_t vectors_stamp(const waggle_vector *vectors)
{
    const float *a = vectors[0].data;
    const int8_t *b = vectors[1].data;
    const float *c = vectors[2].data;
    uint32_t stamp = STAMP_BARE;
    if (a != NULL) stamp = (uint32_t)a[0];
    if (c != NULL) stamp = (uint32_t)c[1];
    if (a == NULL && c == NULL && b != NULL) stamp = (uint32_t)b[0]; // below 100 then
    if (a != NULL) WG_CHECK(a[0] == (float)stamp && a[1] == 0);
    if (b != NULL) WG_CHECK(b[0] == (int8_t)(stamp % 100) && b[1] == 0 && b[2] == 0);
    if (c != NULL) WG_CHECK(c[1] == (float)stamp && c[0] == 0);
    WG_CHECK((a == NULL) == lacks(0, stamp));
    WG_CHECK((b == NULL) == lacks(1, stamp));
    WG_CHECK((c == NULL) == lacks(2, stamp));
    return (uint16_t)stamp;
}

static uint32_t index_of(const waggle_id *id)
{
    for (uint32_t i = 0; i < SCENARIO_IDS; i++) {
        waggle_id wanted;
        char text[POINTS_ID_SIZE];
        points_id(i, &wanted, text);
        if (waggle_id_compare(&wanted, id) == 0) return i;
    }
    fail_msg("an id that was never given");
    return 0;
}

static scenario_point point_of(const waggle_record *record)
{
    return (scenario_point){vectors_stamp(record->vectors), payload_stamp(record->payload)};
}

static bool point_equal(scenario_point x, scenario_point y)
{
    return x.vectors == y.vectors && x.payload == y.payload;
}

static waggle_status walk(waggle_collection *collection, scenario_collection *into,
                          waggle_error *error)
{
    waggle_cursor *cursor = NULL;
    waggle_status status =
        waggle_cursor_open(collection, waggle_read_options(.with_vectors = true), &cursor, error);
    const waggle_record *record = NULL;
    while (status == WAGGLE_OK) {
        status = waggle_cursor_next(cursor, &record, error);
        if (status != WAGGLE_OK || record == NULL) break;
        uint32_t index = index_of(&record->id);
        WG_CHECK(into->points[index].vectors == 0); // once
        into->points[index] = point_of(record);
    }
    waggle_cursor_close(cursor);
    return status;
}

static waggle_status gets_check(waggle_collection *collection, const scenario_collection *walked,
                                waggle_error *error)
{
    points p;
    waggle_records *records = NULL;
    points_make(&p, 0, SCENARIO_IDS - 1, 1);
    waggle_status status = waggle_get(collection, p.ids, SCENARIO_IDS,
                                      waggle_read_options(.with_vectors = true), &records, error);
    if (status != WAGGLE_OK) return status;
    for (uint32_t i = 0; i < SCENARIO_IDS; i++) {
        const waggle_record *record = waggle_records_at(records, i);
        WG_CHECK(record->found == (walked->points[i].vectors != 0));
        if (record->found) WG_CHECK(point_equal(point_of(record), walked->points[i]));
    }
    waggle_records_destroy(records);
    return WAGGLE_OK;
}

// The squared distance to 0 is the stamp's square.
static waggle_status search_check(waggle_collection *collection, const scenario_collection *walked,
                                  waggle_error *error)
{
    static const float zero[2];
    waggle_rows query = waggle_rows_f32(zero, 1, 2);
    waggle_hits *hits = NULL;
    waggle_status status =
        waggle_search(collection, &query,
                      waggle_search_options(.k = SCENARIO_IDS, .vector = "a", .with_payload = true),
                      &hits, error);
    if (status != WAGGLE_OK) return status;
    uint32_t count = 0;
    uint32_t expected = 0;
    const waggle_hit *hit = waggle_hits_at(hits, 0, &count);
    for (uint32_t i = 0; i < SCENARIO_IDS; i++)
        expected += walked->points[i].vectors != 0 && !lacks(0, walked->points[i].vectors);
    WG_CHECK_U64(count, expected);
    for (uint32_t i = 0; i < count; i++) {
        scenario_point point = walked->points[index_of(&hit[i].id)];
        WG_CHECK(hit[i].score == (float)point.vectors * (float)point.vectors);
        WG_CHECK(payload_stamp(hit[i].payload) == point.payload);
    }
    waggle_hits_destroy(hits);
    return WAGGLE_OK;
}

static waggle_status collection_read(waggle_database *database, uint16_t name,
                                     scenario_collection *into, waggle_error *error)
{
    waggle_collection *collection = NULL;
    uint64_t count = 0;
    uint64_t walked = 0;
    waggle_status status = waggle_collection_open(database, names[name], &collection, error);
    if (status == WAGGLE_NOT_FOUND) return WAGGLE_OK;
    if (status != WAGGLE_OK) return status;
    WG_CHECK(into->name == 0); // not under both names
    into->name = name;
    status = walk(collection, into, error);
    if (status == WAGGLE_OK) status = gets_check(collection, into, error);
    if (status == WAGGLE_OK) status = search_check(collection, into, error);
    if (status == WAGGLE_OK) status = waggle_count(collection, &count, error);
    for (uint32_t i = 0; i < SCENARIO_IDS; i++)
        walked += into->points[i].vectors != 0;
    if (status == WAGGLE_OK) WG_CHECK_U64(count, walked);
    waggle_collection_close(collection);
    return status;
}

waggle_status scenario_read(waggle_database *database, scenario_state *state, waggle_error *error)
{
    memset(state, 0, sizeof *state);
    waggle_status status = collection_read(database, ALPHA, &state->main, error);
    if (status == WAGGLE_OK) status = collection_read(database, BETA, &state->main, error);
    if (status == WAGGLE_OK) status = collection_read(database, GONE, &state->other, error);
    return status;
}

// ---- The states that may be ----------------------------------------------------------------------

static bool state_known(const scenario *s, const scenario_state *state)
{
    for (uint32_t i = 0; i < s->state_count; i++)
        if (memcmp(&s->states[i], state, sizeof *state) == 0) return true;
    return false;
}

static void points_print(const char *what, const scenario_collection *c)
{
    print_message("  %s %s:", what, c->name == 0 ? "-" : names[c->name]);
    for (uint32_t i = 0; i < SCENARIO_IDS; i++)
        print_message(" %u/%u", c->points[i].vectors, c->points[i].payload);
    print_message("\n");
}

static void state_print(const char *what, const scenario_state *state)
{
    points_print(what, &state->main);
    points_print(what, &state->other);
    print_message("  %s snapshots: %u\n", what, state->snapshot);
}

static void state_check(const scenario *s, const scenario_state *state, const char *when)
{
    if (state_known(s, state)) return;
    state_print("found", state);
    for (uint32_t i = 0; i < s->state_count && i < 4; i++)
        state_print("may be", &s->states[i]);
    fail_msg("%s: a state that cannot be; step %s, %u failures, last %s", when, s->step,
             s->failures, s->error.message);
}

#define SNAPSHOT "kept"

static waggle_status snapshot_read(waggle_database *database, uint16_t *found, waggle_error *error)
{
    waggle_snapshot_list *list = NULL;
    waggle_status status = waggle_snapshot_list_create(database, &list, error);
    if (status != WAGGLE_OK) return status;
    for (uint64_t i = 0; i < waggle_snapshot_list_count(list); i++) {
        WG_CHECK_TEXT(waggle_snapshot_list_at(list, i)->name, SNAPSHOT);
        *found += 1;
    }
    waggle_snapshot_list_destroy(list);
    return WAGGLE_OK;
}

// With the snapshots: only while nothing is made to fail, because one that cannot be read is not listed.
static waggle_status read_all(scenario *s, scenario_state *state, waggle_error *error)
{
    waggle_status status = scenario_read(s->database, state, error);
    if (status == WAGGLE_OK) status = snapshot_read(s->database, &state->snapshot, error);
    return status;
}

void scenario_check(scenario *s, const char *when)
{
    scenario_state state;
    waggle_error error;
    waggle_status status = read_all(s, &state, &error);
    if (status != WAGGLE_OK)
        fail_msg("%s: reading: %s; after step %s failed: %s", when, error.message, s->step,
                 s->error.message);
    state_check(s, &state, when);
}

void scenario_settle(scenario *s, const char *when)
{
    scenario_check(s, when);
    waggle_error error;
    WG_OK(read_all(s, &s->states[0], &error));
    s->state_count = 1;
}

// ---- Steps ---------------------------------------------------------------------------------------

typedef enum step_kind {
    STEP_CREATE_MAIN,
    STEP_CREATE_OTHER,
    STEP_UPSERT,
    STEP_UPSERT_OTHER,
    STEP_PAYLOAD,
    STEP_DELETE,
    STEP_IMPORT,
    STEP_RENAME,
    STEP_DROP,
    STEP_SNAPSHOT,
    STEP_SNAPSHOT_DELETE,
    STEP_SEAL,
    STEP_SEAL_OTHER,
    STEP_COMPACT,
    STEP_FLUSH,
    STEP_READ,
    STEP_REOPEN,
} step_kind;

typedef struct step {
    step_kind kind;
    const char *name;
    uint32_t first; // points
    uint32_t last;
    uint32_t stamp;
} step;

// The stamps of two points differ by one, and those of one point are not used twice. Below 100 if they keep but "b".
static const step steps[] = {
    {STEP_CREATE_MAIN,     "create",          0, 0,  0  },
    {STEP_UPSERT,          "upsert",          0, 7,  29 }, // point 1 has no vector: STAMP_BARE
    {STEP_UPSERT,          "upsert again",    3, 11, 40 },
    {STEP_PAYLOAD,         "payload",         2, 4,  61 },
    {STEP_DELETE,          "delete",          5, 6,  0  },
    {STEP_READ,            "read",            0, 0,  0  },
    {STEP_SEAL,            "seal",            0, 0,  0  },
    {STEP_UPSERT,          "replace sealed",  1, 2,  73 },
    {STEP_PAYLOAD,         "overlay",         3, 8,  81 },
    {STEP_DELETE,          "delete sealed",   9, 10, 0  },
    {STEP_CREATE_OTHER,    "create other",    0, 0,  0  },
    {STEP_UPSERT_OTHER,    "upsert other",    0, 4,  106},
    {STEP_IMPORT,          "import",          2, 9,  121},
    {STEP_READ,            "read",            0, 0,  0  },
    {STEP_COMPACT,         "compact",         0, 0,  0  },
    {STEP_PAYLOAD,         "overlay",         0, 3,  141},
    {STEP_DELETE,          "delete",          0, 0,  0  },
    {STEP_SEAL_OTHER,      "seal other",      0, 0,  0  },
    {STEP_RENAME,          "rename",          0, 0,  0  },
    {STEP_SEAL,            "seal sides",      0, 0,  0  },
    {STEP_SNAPSHOT,        "snapshot",        0, 0,  0  },
    {STEP_DROP,            "drop",            0, 0,  0  },
    {STEP_UPSERT,          "upsert",          6, 7,  161},
    {STEP_FLUSH,           "flush",           0, 0,  0  },
    {STEP_REOPEN,          "reopen",          0, 0,  0  },
    {STEP_READ,            "read",            0, 0,  0  },
    {STEP_UPSERT,          "upsert replayed", 5, 8,  181},
    {STEP_PAYLOAD,         "overlay",         2, 2,  201},
    {STEP_SEAL,            "seal",            0, 0,  0  },
    {STEP_SEAL,            "seal again",      0, 0,  0  }, // what the first could not
    {STEP_REOPEN,          "reopen",          0, 0,  0  },
    {STEP_READ,            "read",            0, 0,  0  },
    {STEP_COMPACT,         "compact",         0, 0,  0  },
    {STEP_SNAPSHOT_DELETE, "delete snapshot", 0, 0,  0  },
    {STEP_DELETE,          "delete",          8, 11, 0  },
    {STEP_READ,            "read",            0, 0,  0  },
};

static void state_points(scenario_collection *c, const step *t, bool vectors)
{
    for (uint32_t i = t->first; i <= t->last; i++) {
        uint32_t stamp = t->stamp + i;
        if (vectors) c->points[i].vectors = (uint16_t)stamp;
        if (c->points[i].vectors != 0) c->points[i].payload = stamp % 4 == 0 ? 0 : (uint16_t)stamp;
    }
}

// Does the step to a state. False: it cannot have succeeded in it.
static bool state_step(scenario_state *state, const step *t)
{
    scenario_collection *c = &state->main;
    switch (t->kind) {
    case STEP_CREATE_MAIN:
        if (c->name != 0) return false;
        c->name = ALPHA;
        return true;
    case STEP_CREATE_OTHER:
        if (state->other.name != 0) return false;
        state->other.name = GONE;
        return true;
    case STEP_UPSERT_OTHER: state_points(&state->other, t, true); return state->other.name != 0;
    case STEP_DROP:
        if (state->other.name == 0) return false;
        memset(&state->other, 0, sizeof state->other);
        return true;
    case STEP_RENAME:
        if (c->name != ALPHA) return false;
        c->name = BETA;
        return true;
    case STEP_SNAPSHOT:
    case STEP_SNAPSHOT_DELETE:
        if (state->snapshot == (t->kind == STEP_SNAPSHOT)) return false;
        state->snapshot = t->kind == STEP_SNAPSHOT;
        return true;
    case STEP_UPSERT:
    case STEP_IMPORT: state_points(c, t, true); return c->name != 0;
    case STEP_PAYLOAD: state_points(c, t, false); return c->name != 0;
    case STEP_DELETE:
        memset(&c->points[t->first], 0, (t->last - t->first + 1) * sizeof c->points[0]);
        return c->name != 0;
    default: return true; // changes nothing
    }
}

// The states after a step: those in which it happened and, if it failed, those in which it did not.
static void states_step(scenario *s, const step *t, bool failed)
{
    uint32_t before = s->state_count;
    scenario_state *old = malloc(before * sizeof *old);
    WG_CHECK(old != NULL);
    memcpy(old, s->states, before * sizeof *old);
    s->state_count = 0;
    for (uint32_t pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < before; i++) {
            scenario_state state = old[i];
            if (pass == 1 && !failed) continue;
            if (pass == 0 && !state_step(&state, t)) continue;
            if (state_known(s, &state)) continue;
            WG_CHECK(s->state_count < SCENARIO_STATES_MAX);
            s->states[s->state_count++] = state;
        }
    }
    free(old);
    if (s->state_count == 0) fail_msg("step %s succeeded, which it cannot have", t->name);
}

static waggle_status create(scenario *s, const char *name, waggle_collection **collection,
                            waggle_error *error)
{
    return waggle_collection_create(
        s->database, name,
        waggle_collection_spec(.vectors = vector_specs, .vector_count = WG_COUNT(vector_specs)),
        collection, error);
}

static waggle_status points_step(waggle_collection *collection, const step *t, waggle_error *error)
{
    points p;
    waggle_vectors columns[3];
    points_make(&p, t->first, t->last, t->stamp);
    waggle_points all = points_columns(&p, columns);
    switch (t->kind) {
    case STEP_PAYLOAD:
        return waggle_payload_set(collection, p.ids, p.payloads, p.count, NULL, NULL, error);
    case STEP_DELETE: return waggle_delete(collection, p.ids, p.count, NULL, NULL, error);
    case STEP_IMPORT: return points_import(collection, &all, error);
    default: return waggle_upsert(collection, &all, NULL, error);
    }
}

static waggle_status read_step(scenario *s, waggle_error *error)
{
    scenario_state state;
    waggle_status status = read_all(s, &state, error);
    if (status != WAGGLE_OK) return status;
    state_check(s, &state, "while running");
    return WAGGLE_OK;
}

// Opening may fail once; it does not twice, unless the failure lasts.
static waggle_status reopen_step(scenario *s, waggle_error *error)
{
    scenario_close(s);
    waggle_status status = scenario_open(s, error);
    if (status != WAGGLE_OK) s->ended = scenario_open(s, NULL) != WAGGLE_OK;
    return status;
}

static bool needs_main(step_kind kind)
{
    return kind == STEP_UPSERT || kind == STEP_PAYLOAD || kind == STEP_DELETE ||
           kind == STEP_IMPORT || kind == STEP_SEAL || kind == STEP_COMPACT;
}

static bool needs_other(step_kind kind)
{
    return kind == STEP_UPSERT_OTHER || kind == STEP_SEAL_OTHER;
}

static waggle_status step_run(scenario *s, const step *t, waggle_error *error)
{
    switch (t->kind) {
    case STEP_CREATE_MAIN: return create(s, names[ALPHA], &s->main, error);
    case STEP_CREATE_OTHER: return create(s, names[GONE], &s->other, error);
    case STEP_UPSERT_OTHER: return points_step(s->other, t, error);
    case STEP_RENAME:
        return waggle_collection_rename(s->database, names[ALPHA], names[BETA], error);
    case STEP_DROP: return waggle_collection_drop(s->database, names[GONE], error);
    case STEP_SNAPSHOT: return waggle_snapshot_create(s->database, NULL, SNAPSHOT, NULL, error);
    case STEP_SNAPSHOT_DELETE: return waggle_snapshot_delete(s->database, SNAPSHOT, error);
    case STEP_SEAL: return points_seal(s->main, error);
    case STEP_SEAL_OTHER: return points_seal(s->other, error);
    case STEP_COMPACT: return waggle_compact(s->main, error);
    case STEP_FLUSH: return waggle_flush(s->database, error);
    case STEP_READ: return read_step(s, error);
    case STEP_REOPEN: return reopen_step(s, error);
    default: return points_step(s->main, t, error);
    }
}

static void handles_find(scenario *s)
{
    if (s->main == NULL) (void)waggle_collection_open(s->database, names[ALPHA], &s->main, NULL);
    if (s->main == NULL) (void)waggle_collection_open(s->database, names[BETA], &s->main, NULL);
    if (s->other == NULL) (void)waggle_collection_open(s->database, names[GONE], &s->other, NULL);
}

static uint64_t log_last(const scenario *s)
{
    return s->database == NULL ? 0 : wg_log_state_get(s->database->log).last;
}

// After earlier failures a name or handle may be missing, too.
static bool status_allowed(const scenario *s, const step *t, waggle_status status)
{
    bool by_name =
        t->kind <= STEP_CREATE_OTHER || (t->kind >= STEP_RENAME && t->kind <= STEP_SNAPSHOT_DELETE);
    if (s->failures > 0 && by_name && (status == WAGGLE_NOT_FOUND || status == WAGGLE_EXISTS))
        return true;
    for (const waggle_status *a = s->allowed; a != NULL && *a != WAGGLE_OK; a++)
        if (*a == status) return true;
    return false;
}

void scenario_run(scenario *s)
{
    if (scenario_open(s, &s->error) != WAGGLE_OK) {
        s->failures++;
        s->step = "open";
        s->ended = scenario_open(s, NULL) != WAGGLE_OK;
    }
    for (uint32_t i = 0; !s->ended && i < WG_COUNT(steps); i++) {
        const step *t = &steps[i];
        waggle_error error;
        handles_find(s);
        if ((needs_main(t->kind) && s->main == NULL) || (needs_other(t->kind) && s->other == NULL))
            continue;
        if (s->failures == 0) s->step = t->name;
        uint64_t before = log_last(s);
        waggle_status status = step_run(s, t, &error);
        if (status == WAGGLE_OK) {
            states_step(s, t, false);
            continue;
        }
        if (!status_allowed(s, t, status))
            fail_msg("step %s: %s: %s", t->name, waggle_status_name(status), error.message);
        WG_CHECK(error.status == status && error.message[0] != 0);
        // Without a record in the log it has not happened. Snapshots are not in the log.
        bool snapshot = t->kind == STEP_SNAPSHOT || t->kind == STEP_SNAPSHOT_DELETE;
        if (snapshot || (t->kind < STEP_SEAL && log_last(s) != before)) states_step(s, t, true);
        s->step = t->name;
        s->failures++;
        s->status = status;
        s->error = error;
    }
}

static waggle_status extra_step(scenario *s, const step *t, waggle_error *error)
{
    handles_find(s);
    if (s->main == NULL) return wg_fail(error, WAGGLE_NOT_FOUND, "the collection was never made");
    uint64_t before = log_last(s);
    waggle_status status = step_run(s, t, error);
    if (status == WAGGLE_OK || log_last(s) != before) states_step(s, t, status != WAGGLE_OK);
    return status;
}

waggle_status scenario_write(scenario *s, waggle_error *error)
{
    static const step t = {STEP_UPSERT, "write", 4, 6, 301};
    return extra_step(s, &t, error);
}

waggle_status scenario_delete(scenario *s, waggle_error *error)
{
    static const step t = {STEP_DELETE, "delete", 1, 3, 0};
    return extra_step(s, &t, error);
}

waggle_status scenario_compact(scenario *s, waggle_error *error)
{
    static const step t = {STEP_COMPACT, "compact", 0, 0, 0};
    return extra_step(s, &t, error);
}

// ---- Open and close ------------------------------------------------------------------------------

static uint64_t clock_ns(void *context)
{
    scenario *s = context;
    return s->random++ * 1000000;
}

static uint64_t clock_random(void *context)
{
    test_random random = {((scenario *)context)->random++};
    return test_next(&random);
}

waggle_status scenario_open(scenario *s, waggle_error *error)
{
    wg_clock clock = {clock_ns, clock_ns, clock_random, s};
    static wg_clock kept; // outlives the call
    kept = clock;
    wg_internal internal = {.vfs = s->disk,
                            .clock = &kept,
                            .no_threads = true,
                            .codes_rows_least = 1,
                            .log_file_size = 8u << 10};
    if (s->heap != NULL) internal.memory = &s->heap->heap.source;
    return wg_database_open("db",
                            waggle_open_options(.head_size_max = s->head_size_max, .threads = 1),
                            &internal, &s->database, error);
}

void scenario_close(scenario *s)
{
    waggle_collection_close(s->main);
    waggle_collection_close(s->other);
    (void)waggle_close(s->database, NULL);
    s->main = NULL;
    s->other = NULL;
    s->database = NULL;
}

void scenario_init(scenario *s, wg_vfs *disk, test_heap *heap, const waggle_status *allowed)
{
    *s = (scenario){
        .disk = disk, .heap = heap, .random = 1, .head_size_max = 64u << 10, .allowed = allowed};
    s->states = calloc(SCENARIO_STATES_MAX, sizeof *s->states);
    WG_CHECK(s->states != NULL);
    s->state_count = 1;
}

void scenario_finish(scenario *s)
{
    scenario_close(s);
    free(s->states);
    s->states = NULL;
}

void scenario_build(scenario *s)
{
    static const step more[] = {
        {STEP_IMPORT,  "import",  9, 10, 221},
        {STEP_PAYLOAD, "overlay", 3, 4,  241},
        {STEP_DELETE,  "delete",  2, 2,  0  },
        {STEP_SEAL,    "seal",    0, 0,  0  },
        {STEP_UPSERT,  "upsert",  0, 1,  261},
    };
    scenario_run(s);
    handles_find(s);
    for (uint32_t i = 0; i < WG_COUNT(more); i++) {
        waggle_error error;
        WG_OK(step_run(s, &more[i], &error));
        states_step(s, &more[i], false);
    }
    WG_CHECK(s->failures == 0);
    scenario_settle(s, "when built");
}
