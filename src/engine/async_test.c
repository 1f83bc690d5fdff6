// Asynchronous calls: order, results, callbacks, events, the bound of the queue, and closing.
#include "engine/engine.h"
#include "support/sim_disk.h"

#define DIM 4u

typedef struct fixture {
    wg_vfs *disk;
    waggle_database *database;
    waggle_collection *collection;
} fixture;

static void begin(fixture *f, bool threads)
{
    waggle_error error;
    wg_internal internal = {.no_threads = !threads, .log_file_size = 1u << 20};
    *f = (fixture){.disk = sim_disk_create(1)};
    internal.vfs = f->disk;
    WG_OK(wg_database_open("db", NULL, &internal, &f->database, &error));
    WG_OK(waggle_collection_create_simple(f->database, "c", DIM, WAGGLE_L2, WAGGLE_F32,
                                          &f->collection, &error));
}

static void end(fixture *f)
{
    waggle_error error;
    waggle_collection_close(f->collection);
    WG_OK(waggle_close(f->database, &error));
    sim_disk_destroy(f->disk);
}

// The arguments of one upsert; they stay in place until it is done.
typedef struct upsert {
    float row[DIM];
    waggle_vectors vectors;
    waggle_points points;
    waggle_ticket *ticket;
} upsert;

static void upsert_make(upsert *u, uint64_t id, float x)
{
    *u = (upsert){
        .row = {x, 0, 0, 0}
    };
    u->vectors = (waggle_vectors){.rows = waggle_rows_f32(u->row, 1, DIM)};
    u->points = (waggle_points){.struct_size = sizeof u->points,
                                .vector_count = 1,
                                .count = 1,
                                .id_first = id,
                                .vectors = &u->vectors};
}

static uint64_t count(const fixture *f)
{
    waggle_error error;
    uint64_t points = 0;
    WG_OK(waggle_count(f->collection, &points, &error));
    return points;
}

// A callback that keeps the executor until it is let go, so that tests decide what waits.
typedef struct gate {
    wg_mutex lock;
    wg_cond changed;
    bool reached;
    bool open;
    upsert upsert;
} gate;

static void gate_done(void *context, waggle_ticket *ticket)
{
    gate *g = context;
    WG_CHECK(waggle_ticket_poll(ticket));
    wg_mutex_lock(&g->lock);
    g->reached = true;
    wg_cond_broadcast(&g->changed);
    while (!g->open)
        wg_cond_wait(&g->changed, &g->lock);
    wg_mutex_unlock(&g->lock);
}

static void gate_close(gate *g, const fixture *f)
{
    waggle_error error;
    *g = (gate){0};
    wg_mutex_init(&g->lock);
    wg_cond_init(&g->changed);
    upsert_make(&g->upsert, 1000000, 0);
    WG_OK(waggle_upsert_async(f->collection, &g->upsert.points, gate_done, g, &g->upsert.ticket,
                              &error));
    wg_mutex_lock(&g->lock);
    while (!g->reached)
        wg_cond_wait(&g->changed, &g->lock);
    wg_mutex_unlock(&g->lock);
}

static void gate_open(gate *g)
{
    wg_mutex_lock(&g->lock);
    g->open = true;
    wg_cond_broadcast(&g->changed);
    wg_mutex_unlock(&g->lock);
}

static void gate_finish(gate *g)
{
    waggle_ticket_destroy(g->upsert.ticket);
    wg_mutex_finish(&g->lock);
    wg_cond_finish(&g->changed);
}

WG_TEST(an_upsert_ends_with_its_sequence_and_is_visible)
{
    for (int threads = 0; threads < 2; threads++) {
        fixture f;
        upsert u;
        waggle_error error;
        begin(&f, threads == 1);
        upsert_make(&u, 7, 1);
        WG_OK(waggle_upsert_async(f.collection, &u.points, NULL, NULL, &u.ticket, &error));
        WG_OK(waggle_ticket_wait(u.ticket, UINT32_MAX, &error));
        WG_CHECK(waggle_ticket_poll(u.ticket));
        WG_CHECK(waggle_ticket_sequence(u.ticket) > 0);
        WG_CHECK(waggle_ticket_hits(u.ticket) == NULL);
        WG_CHECK_U64(count(&f), 1);
        waggle_ticket_destroy(u.ticket);
        waggle_ticket_destroy(NULL);
        end(&f);
    }
}

WG_TEST(a_search_gives_its_hits_once)
{
    for (int threads = 0; threads < 2; threads++) {
        fixture f;
        upsert u[2];
        waggle_error error;
        waggle_ticket *ticket = NULL;
        float query[DIM] = {2, 0, 0, 0};
        waggle_rows rows = waggle_rows_f32(query, 1, DIM);
        uint32_t found = 0;
        begin(&f, threads == 1);
        for (uint32_t i = 0; i < 2; i++) {
            upsert_make(&u[i], i, (float)(2 * i));
            WG_OK(
                waggle_upsert_async(f.collection, &u[i].points, NULL, NULL, &u[i].ticket, &error));
        }
        // Asked for behind the upserts by the same thread, so it sees them.
        WG_OK(waggle_search_async(f.collection, &rows, waggle_search_options(.k = 1), NULL, NULL,
                                  &ticket, &error));
        WG_OK(waggle_ticket_wait(ticket, UINT32_MAX, &error));
        waggle_hits *hits = waggle_ticket_hits(ticket);
        WG_CHECK(hits != NULL);
        WG_CHECK(waggle_ticket_hits(ticket) == NULL);
        const waggle_hit *hit = waggle_hits_at(hits, 0, &found);
        WG_CHECK_U64(found, 1);
        WG_CHECK_U64(hit->id.value.number, 1);
        waggle_hits_destroy(hits);
        waggle_ticket_destroy(ticket);
        for (uint32_t i = 0; i < 2; i++)
            waggle_ticket_destroy(u[i].ticket);
        end(&f);
    }
}

WG_TEST(an_error_belongs_to_its_ticket_alone)
{
    for (int threads = 0; threads < 2; threads++) {
        fixture f;
        upsert good;
        upsert bad;
        waggle_error error;
        waggle_ticket *search = NULL;
        waggle_rows rows = waggle_rows_f32(good.row, 1, DIM + 3);
        begin(&f, threads == 1);
        upsert_make(&bad, 1, 0);
        bad.vectors.rows.dim = DIM + 1;
        upsert_make(&good, 2, 0);
        WG_OK(waggle_upsert_async(f.collection, &bad.points, NULL, NULL, &bad.ticket, &error));
        WG_OK(waggle_upsert_async(f.collection, &good.points, NULL, NULL, &good.ticket, &error));
        WG_OK(waggle_search_async(f.collection, &rows, NULL, NULL, NULL, &search, &error));
        WG_FAILS(WAGGLE_DIMENSION, waggle_ticket_wait(bad.ticket, UINT32_MAX, &error));
        WG_CHECK_U64(error.expected, DIM);
        WG_CHECK_U64(error.actual, DIM + 1);
        WG_CHECK_U64(waggle_ticket_sequence(bad.ticket), 0);
        WG_OK(waggle_ticket_wait(good.ticket, UINT32_MAX, &error));
        WG_FAILS(WAGGLE_DIMENSION, waggle_ticket_wait(search, UINT32_MAX, &error));
        WG_CHECK(waggle_ticket_hits(search) == NULL);
        waggle_ticket_destroy(bad.ticket);
        waggle_ticket_destroy(good.ticket);
        waggle_ticket_destroy(search);
        WG_FAILS(WAGGLE_INVALID,
                 waggle_upsert_async(f.collection, NULL, NULL, NULL, &search, &error));
        WG_FAILS(WAGGLE_INVALID,
                 waggle_search_async(f.collection, NULL, NULL, NULL, NULL, &search, &error));
        end(&f);
    }
}

WG_TEST(upserts_of_one_thread_happen_in_its_order_and_share_flushes)
{
    enum {
        COUNT = 300
    };

    fixture f;
    gate g;
    waggle_error error;
    waggle_statistics before = {.struct_size = sizeof before};
    waggle_statistics after = {.struct_size = sizeof after};
    static upsert u[COUNT];
    begin(&f, true);
    gate_close(&g, &f);
    WG_OK(waggle_statistics_get(f.database, &before, &error));
    for (uint32_t i = 0; i < COUNT; i++) {
        upsert_make(&u[i], 5, (float)i);
        WG_OK(waggle_upsert_async(f.collection, &u[i].points, NULL, NULL, &u[i].ticket, &error));
    }
    WG_CHECK(!waggle_ticket_poll(u[0].ticket));
    WG_CHECK_U64(waggle_ticket_sequence(u[0].ticket), 0);
    gate_open(&g);
    uint64_t last = 0;
    for (uint32_t i = 0; i < COUNT; i++) {
        WG_OK(waggle_ticket_wait(u[i].ticket, UINT32_MAX, &error));
        WG_CHECK(waggle_ticket_sequence(u[i].ticket) > last);
        last = waggle_ticket_sequence(u[i].ticket);
        waggle_ticket_destroy(u[i].ticket);
    }
    WG_OK(waggle_statistics_get(f.database, &after, &error));
    WG_CHECK(after.log_syncs - before.log_syncs <= COUNT / 64 + 1);
    waggle_records *records = NULL;
    waggle_id id = waggle_id_number(5);
    WG_OK(waggle_get(f.collection, &id, 1, waggle_read_options(.with_vectors = true), &records,
                     &error));
    WG_CHECK(((const float *)waggle_records_at(records, 0)->vectors[0].data)[0] == COUNT - 1);
    waggle_records_destroy(records);
    gate_finish(&g);
    end(&f);
}

WG_TEST(the_queue_holds_1024_operations_and_refuses_one_more)
{
    enum {
        COUNT = 1024
    };

    fixture f;
    gate g;
    waggle_error error;
    static upsert u[COUNT + 1];
    begin(&f, true);
    gate_close(&g, &f);
    for (uint32_t i = 0; i < COUNT; i++) {
        upsert_make(&u[i], i, 1);
        WG_OK(waggle_upsert_async(f.collection, &u[i].points, NULL, NULL, &u[i].ticket, &error));
    }
    upsert_make(&u[COUNT], COUNT, 1);
    WG_FAILS_WITH(
        WAGGLE_BUDGET, "1024",
        waggle_upsert_async(f.collection, &u[COUNT].points, NULL, NULL, &u[COUNT].ticket, &error));
    WG_CHECK(u[COUNT].ticket == NULL);
    WG_CHECK_U64(error.expected, COUNT);
    WG_FAILS(WAGGLE_TIMEOUT, waggle_ticket_wait(u[COUNT - 1].ticket, 0, &error));
    WG_FAILS(WAGGLE_TIMEOUT, waggle_ticket_wait(u[COUNT - 1].ticket, 5, &error));
    gate_open(&g);
    for (uint32_t i = 0; i < COUNT; i++)
        waggle_ticket_destroy(u[i].ticket); // waits for the end
    WG_CHECK_U64(count(&f), COUNT + 1);
    gate_finish(&g);
    end(&f);
}

// Callbacks.

typedef struct tally {
    _Atomic uint32_t calls;
    _Atomic uint32_t failures;
    bool destroys;
} tally;

static void tally_done(void *context, waggle_ticket *ticket)
{
    waggle_error error;
    tally *t = context;
    if (waggle_ticket_wait(ticket, UINT32_MAX, &error) != WAGGLE_OK)
        atomic_fetch_add(&t->failures, 1);
    atomic_fetch_add(&t->calls, 1);
    if (t->destroys) waggle_ticket_destroy(ticket);
}

WG_TEST(a_callback_comes_once_and_may_destroy_its_ticket)
{
    for (int threads = 0; threads < 2; threads++) {
        enum {
            COUNT = 20
        };

        fixture f;
        waggle_error error;
        tally t = {.destroys = true};
        static upsert u[COUNT];
        begin(&f, threads == 1);
        WG_CHECK(waggle_event_handle(f.database, &error) >= 0); // such tickets are not kept for it
        for (uint32_t i = 0; i < COUNT; i++) {
            upsert_make(&u[i], i, 1);
            WG_OK(waggle_upsert_async(f.collection, &u[i].points, tally_done, &t, &u[i].ticket,
                                      &error));
        }
        end(&f); // runs what is queued
        WG_CHECK_U64(atomic_load(&t.calls), COUNT);
        WG_CHECK_U64(atomic_load(&t.failures), 0);
    }
}

WG_TEST(closing_runs_what_is_queued)
{
    enum {
        COUNT = 500
    };

    fixture f;
    waggle_error error;
    tally t = {.destroys = true};
    static upsert u[COUNT];
    begin(&f, true);
    for (uint32_t i = 0; i < COUNT; i++) {
        upsert_make(&u[i], i, 1);
        WG_OK(
            waggle_upsert_async(f.collection, &u[i].points, tally_done, &t, &u[i].ticket, &error));
    }
    waggle_collection_close(f.collection);
    WG_OK(waggle_close(f.database, &error));
    WG_CHECK_U64(atomic_load(&t.calls), COUNT);
    wg_internal internal = {.vfs = f.disk, .no_threads = true, .log_file_size = 1u << 20};
    WG_OK(wg_database_open("db", NULL, &internal, &f.database, &error));
    WG_OK(waggle_collection_open(f.database, "c", &f.collection, &error));
    WG_CHECK_U64(count(&f), COUNT);
    end(&f);
}

// Asks for more while the queue is being stopped.
typedef struct late {
    fixture *f;
    gate gate;
    waggle_status status;
    upsert upsert;
    wg_thread opener;
} late;

static void late_done(void *context, waggle_ticket *ticket)
{
    late *l = context;
    waggle_error error;
    gate_done(&l->gate, ticket);
    l->status = waggle_upsert_async(l->f->collection, &l->upsert.points, NULL, NULL,
                                    &l->upsert.ticket, &error);
}

static void late_open(void *context)
{
    late *l = context;
    wg_sleep_ms(50); // the stop is waiting by then
    gate_open(&l->gate);
}

WG_TEST(an_operation_that_comes_after_the_end_is_canceled)
{
    fixture f;
    waggle_error error;
    static late l;
    begin(&f, true);
    l = (late){.f = &f};
    wg_mutex_init(&l.gate.lock);
    wg_cond_init(&l.gate.changed);
    upsert_make(&l.gate.upsert, 1, 1);
    upsert_make(&l.upsert, 2, 1);
    WG_OK(waggle_upsert_async(f.collection, &l.gate.upsert.points, late_done, &l,
                              &l.gate.upsert.ticket, &error));
    WG_OK(waggle_ticket_wait(l.gate.upsert.ticket, UINT32_MAX, &error)); // its callback runs on
    WG_OK(wg_thread_start(&l.opener, "opener", late_open, &l, &error));
    waggle_ticket *ticket = l.gate.upsert.ticket;
    wg_async_stop(f.database);
    wg_thread_join(&l.opener);
    WG_CHECK(l.status == WAGGLE_CANCELED);
    WG_CHECK(l.upsert.ticket == NULL);
    WG_CHECK_U64(count(&f), 1);
    wg_free(ticket); // its queue is gone
    wg_mutex_finish(&l.gate.lock);
    wg_cond_finish(&l.gate.changed);
    end(&f);
}

// Events.

WG_TEST(finished_tickets_are_taken_in_their_order_from_the_first_event_handle_on)
{
    for (int threads = 0; threads < 2; threads++) {
        fixture f;
        upsert u[4];
        waggle_error error;
        begin(&f, threads == 1);
        WG_CHECK(waggle_ticket_next(f.database) == NULL);
        for (uint32_t i = 0; i < 4; i++) {
            if (i == 1) WG_CHECK(waggle_event_handle(f.database, &error) >= 0);
            upsert_make(&u[i], i, 1);
            WG_OK(
                waggle_upsert_async(f.collection, &u[i].points, NULL, NULL, &u[i].ticket, &error));
            WG_OK(waggle_ticket_wait(u[i].ticket, UINT32_MAX, &error));
        }
        waggle_ticket_destroy(u[2].ticket); // not taken: it leaves the list
        WG_CHECK(waggle_ticket_next(f.database) == u[1].ticket);
        WG_CHECK(waggle_ticket_next(f.database) == u[3].ticket);
        WG_CHECK(waggle_ticket_next(f.database) == NULL);
        WG_CHECK_U64(waggle_event_handle(f.database, &error),
                     waggle_event_handle(f.database, &error));
        waggle_ticket_destroy(u[0].ticket);
        waggle_ticket_destroy(u[1].ticket);
        waggle_ticket_destroy(u[3].ticket);
        end(&f);
    }
}

// Several threads.

enum {
    EACH = 60
};

typedef struct client {
    fixture *f;
    uint32_t number;
    wg_thread thread;
    uint32_t failures;
    upsert upserts[EACH];
} client;

static void client_run(void *context)
{
    client *c = context;
    waggle_error error;
    for (uint32_t i = 0; i < EACH; i++) {
        upsert *u = &c->upserts[i];
        waggle_ticket *search = NULL;
        waggle_rows rows = waggle_rows_f32(u->row, 1, DIM);
        upsert_make(u, c->number * EACH + i, (float)i);
        if (waggle_upsert_async(c->f->collection, &u->points, NULL, NULL, &u->ticket, &error) !=
            WAGGLE_OK)
            c->failures++;
        if (i % 8 != 0) continue;
        if (waggle_search_async(c->f->collection, &rows, NULL, NULL, NULL, &search, &error) !=
                WAGGLE_OK ||
            waggle_ticket_wait(search, UINT32_MAX, &error) != WAGGLE_OK)
            c->failures++;
        waggle_ticket_destroy(search); // with its hits
    }
    for (uint32_t i = 0; i < EACH; i++)
        waggle_ticket_destroy(c->upserts[i].ticket);
}

WG_TEST(many_threads_share_the_queue)
{
    enum {
        CLIENTS = 4
    };

    fixture f;
    waggle_error error;
    static client clients[CLIENTS];
    begin(&f, true);
    memset(clients, 0, sizeof clients);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        clients[i].f = &f;
        clients[i].number = i;
        WG_OK(wg_thread_start(&clients[i].thread, "client", client_run, &clients[i], &error));
    }
    for (uint32_t i = 0; i < CLIENTS; i++) {
        wg_thread_join(&clients[i].thread);
        WG_CHECK_U64(clients[i].failures, 0);
    }
    WG_CHECK_U64(count(&f), CLIENTS * EACH);
    end(&f);
}
