// Asynchronous calls: a queue of operations and one thread that runs them in the order they came, so those of one
// thread begin in its order. Upserts that stand behind each other are appended to the log together and share
// a flush. The queue begins with its first use. A database without threads runs an operation at once.
//
// The life of a ticket: queued, then running, then ended (its result can be read), and while its callback runs also
// `calling`. Its memory goes with waggle_ticket_destroy(), which waits for all of that; a callback that destroys its
// own ticket leaves it to the executor (`doomed`).
#include "engine/engine.h"
#include "engine/options.h"

#include <string.h>

#define QUEUE_MAX 1024u             // operations that wait
#define GROUP_MAX 64u               // upserts that share a flush
#define GROUP_SIZE_MAX (8ull << 20) // and the bytes of their vectors: as much as waits in the log

typedef enum operation {
    OPERATION_UPSERT,
    OPERATION_SEARCH,
} operation;

struct waggle_ticket {
    waggle_database *database;
    struct wg_async *async;
    waggle_collection *collection; // with a handle of its own until the end
    operation operation;
    // Copies, since these are often made for the call only; what they point to is the caller's.
    waggle_points points;
    waggle_rows queries;
    waggle_search_options options;
    waggle_done_fn done;
    void *context;
    _Atomic bool ended; // release when the result is written, acquire in poll
    // Under the lock of async.
    waggle_ticket *next;     // of the queue or of the finished ones
    waggle_ticket *previous; // of the finished ones
    bool calling;
    bool doomed;
    bool listed; // among the finished ones
    waggle_status status;
    waggle_error error;
    uint64_t sequence;
    waggle_hits *hits;
};

typedef struct ticket_list {
    waggle_ticket *first;
    waggle_ticket *last;
} ticket_list;

struct wg_async {
    wg_mutex lock;  // guards the rest; a leaf: nothing is locked under it
    wg_cond queued; // or stopping
    wg_cond ended;  // or a callback returned
    ticket_list queue;
    uint32_t waiting;
    ticket_list finished;
    wg_event event;
    bool keeps; // finished tickets are listed
    bool stopping;
    wg_thread thread;
    wg_upsert upserts[GROUP_MAX]; // of the executor
};

// The ticket whose callback this thread runs.
static _Thread_local const waggle_ticket *callback_of;

// ---- Running -------------------------------------------------------------------------------------

static void ticket_free(waggle_ticket *ticket)
{
    waggle_hits_destroy(ticket->hits);
    wg_free(ticket);
}

static void finished_add(struct wg_async *async, waggle_ticket *ticket)
{
    ticket->listed = true;
    ticket->next = NULL;
    ticket->previous = async->finished.last;
    if (async->finished.last != NULL)
        async->finished.last->next = ticket;
    else
        async->finished.first = ticket;
    async->finished.last = ticket;
    wg_event_set(&async->event);
}

static void finished_remove(struct wg_async *async, waggle_ticket *ticket)
{
    waggle_ticket **before =
        ticket->previous != NULL ? &ticket->previous->next : &async->finished.first;
    waggle_ticket **behind = ticket->next != NULL ? &ticket->next->previous : &async->finished.last;
    *before = ticket->next;
    *behind = ticket->previous;
    ticket->listed = false;
    if (async->finished.first == NULL) wg_event_clear(&async->event);
}

// Shows the result, calls back, and lists the ticket. Afterwards the ticket may be gone.
static void ticket_end(waggle_ticket *ticket, waggle_status status)
{
    struct wg_async *async = ticket->async;
    waggle_collection_close(ticket->collection);
    wg_mutex_lock(&async->lock);
    ticket->status = status;
    ticket->calling = ticket->done != NULL;
    atomic_store_explicit(&ticket->ended, true, memory_order_release);
    wg_cond_broadcast(&async->ended);
    if (ticket->calling) {
        wg_mutex_unlock(&async->lock);
        const waggle_ticket *outer = callback_of;
        callback_of = ticket;
        ticket->done(ticket->context, ticket);
        callback_of = outer;
        wg_mutex_lock(&async->lock);
        ticket->calling = false;
        wg_cond_broadcast(&async->ended);
    }
    bool doomed = ticket->doomed;
    if (!doomed && async->keeps) finished_add(async, ticket);
    wg_mutex_unlock(&async->lock);
    if (doomed) ticket_free(ticket);
}

static void run_search(waggle_ticket *ticket)
{
    waggle_hits *hits = NULL;
    waggle_status status = waggle_search(ticket->collection, &ticket->queries, &ticket->options,
                                         &hits, &ticket->error);
    ticket->hits = hits;
    ticket_end(ticket, status);
}

// Appends all, flushes once, and ends them in order.
static void run_upserts(struct wg_async *async, waggle_ticket *const *tickets, uint32_t count)
{
    waggle_status statuses[GROUP_MAX];
    uint64_t last = 0;
    wg_log *log = tickets[0]->database->log;
    for (uint32_t i = 0; i < count; i++) {
        wg_upsert *upsert = &async->upserts[i];
        statuses[i] = wg_upsert_begin(tickets[i]->collection, &tickets[i]->points, upsert,
                                      &tickets[i]->error);
        if (statuses[i] == WAGGLE_OK && upsert->begun) last = upsert->op.append.seq;
    }
    if (last != 0) (void)wg_log_flush(log, last, NULL); // each learns its own result
    for (uint32_t i = 0; i < count; i++) {
        waggle_ticket *ticket = tickets[i];
        if (statuses[i] == WAGGLE_OK)
            statuses[i] = wg_upsert_end(&async->upserts[i], &ticket->sequence, &ticket->error);
        ticket_end(ticket, statuses[i]);
    }
}

// In the thread of the caller.
static void run_here(waggle_ticket *ticket)
{
    if (ticket->operation == OPERATION_SEARCH) {
        run_search(ticket);
        return;
    }
    waggle_status status =
        waggle_upsert(ticket->collection, &ticket->points, &ticket->sequence, &ticket->error);
    ticket_end(ticket, status);
}

// ---- The queue -----------------------------------------------------------------------------------

static uint64_t upsert_size(const waggle_ticket *ticket)
{
    if (ticket->operation != OPERATION_UPSERT) return UINT64_MAX;
    uint64_t count = WG_MIN(ticket->points.count, (uint64_t)WAGGLE_BATCH_MAX);
    return count * ticket->collection->spec->row_size;
}

static waggle_ticket *queue_take(struct wg_async *async)
{
    waggle_ticket *ticket = async->queue.first;
    async->queue.first = ticket->next;
    if (async->queue.first == NULL) async->queue.last = NULL;
    ticket->next = NULL;
    async->waiting--;
    return ticket;
}

// Waits for operations; returns how many run together, 0 = stopped and nothing is left.
static uint32_t group_take(struct wg_async *async, waggle_ticket **tickets)
{
    uint32_t count = 0;
    wg_mutex_lock(&async->lock);
    while (async->queue.first == NULL && !async->stopping)
        wg_cond_wait(&async->queued, &async->lock);
    if (async->queue.first != NULL) {
        uint64_t size = upsert_size(async->queue.first);
        tickets[count++] = queue_take(async);
        while (async->queue.first != NULL && count < GROUP_MAX && size < GROUP_SIZE_MAX &&
               upsert_size(async->queue.first) <= GROUP_SIZE_MAX - size) {
            size += upsert_size(async->queue.first);
            tickets[count++] = queue_take(async);
        }
    }
    wg_mutex_unlock(&async->lock);
    return count;
}

static void executor_run(void *context)
{
    struct wg_async *async = context;
    waggle_ticket *tickets[GROUP_MAX];
    for (;;) {
        uint32_t count = group_take(async, tickets);
        if (count == 0) break;
        if (tickets[0]->operation == OPERATION_SEARCH)
            run_search(tickets[0]);
        else
            run_upserts(async, tickets, count);
    }
}

// *shown is set before the executor can end the operation.
static waggle_status queue_put(struct wg_async *async, waggle_ticket *ticket, waggle_ticket **shown,
                               waggle_error *error)
{
    waggle_status status = WAGGLE_OK;
    wg_mutex_lock(&async->lock);
    if (async->stopping) {
        status = wg_fail(error, WAGGLE_CANCELED, "the database is being closed");
    } else if (async->waiting == QUEUE_MAX) {
        status = wg_fail_numbers(error, WAGGLE_BUDGET, QUEUE_MAX, QUEUE_MAX + 1,
                                 "%u operations wait already, and that is the most", QUEUE_MAX);
    } else {
        if (async->queue.last != NULL)
            async->queue.last->next = ticket;
        else
            async->queue.first = ticket;
        async->queue.last = ticket;
        async->waiting++;
        *shown = ticket;
        wg_cond_signal(&async->queued);
    }
    wg_mutex_unlock(&async->lock);
    return status;
}

// ---- Starting and stopping -----------------------------------------------------------------------

static void async_destroy(struct wg_async *async)
{
    wg_event_close(&async->event);
    wg_mutex_finish(&async->lock);
    wg_cond_finish(&async->queued);
    wg_cond_finish(&async->ended);
    wg_free(async);
}

static waggle_status async_create(waggle_database *database, struct wg_async **async,
                                  waggle_error *error)
{
    struct wg_async *made = wg_alloc_zeroed(&database->heap, WG_MEMORY_OTHER, sizeof *made);
    if (made == NULL) return wg_fail_memory(error, sizeof *made, "the queue of operations");
    wg_mutex_init(&made->lock);
    wg_cond_init(&made->queued);
    wg_cond_init(&made->ended);
    made->event = (wg_event){-1, -1};
    waggle_status status = WAGGLE_OK;
    if (database->background)
        status = wg_thread_start(&made->thread, "waggle-async", executor_run, made, error);
    if (status == WAGGLE_OK)
        *async = made;
    else
        async_destroy(made);
    return status;
}

static waggle_status async_get(waggle_database *database, struct wg_async **async,
                               waggle_error *error)
{
    waggle_status status = WAGGLE_OK;
    wg_mutex_lock(&database->wake_lock);
    if (database->async == NULL) status = async_create(database, &database->async, error);
    if (status == WAGGLE_OK) *async = database->async;
    wg_mutex_unlock(&database->wake_lock);
    return status;
}

void wg_async_stop(waggle_database *database)
{
    wg_mutex_lock(&database->wake_lock);
    struct wg_async *async = database->async;
    wg_mutex_unlock(&database->wake_lock);
    if (async == NULL) return;
    wg_mutex_lock(&async->lock);
    async->stopping = true; // from now on callbacks that ask for more are refused
    wg_cond_signal(&async->queued);
    wg_mutex_unlock(&async->lock);
    wg_thread_join(&async->thread);
    WG_ASSERT(async->queue.first == NULL);
    database->async = NULL; // nobody else is left
    async_destroy(async);
}

// ---- The calls of waggle.h -----------------------------------------------------------------------

// Hands the ticket to the executor.
static waggle_status submit(waggle_collection *collection, const waggle_ticket *given,
                            waggle_ticket **ticket, waggle_error *error)
{
    waggle_database *database = collection->database;
    struct wg_async *async = NULL;
    waggle_status status = wg_collection_check(collection, error);
    if (status == WAGGLE_OK) status = async_get(database, &async, error);
    if (status != WAGGLE_OK) return status;
    waggle_ticket *made = wg_alloc(&database->heap, WG_MEMORY_OTHER, sizeof *made);
    if (made == NULL) return wg_fail_memory(error, sizeof *made, "a ticket");
    *made = *given;
    made->database = database;
    made->async = async;
    made->collection = collection;
    // The caller has a handle, so the collection is not going away right now.
    atomic_fetch_add_explicit(&collection->handles, 1, memory_order_relaxed);
    if (!database->background) {
        *ticket = made;
        run_here(made);
        return WAGGLE_OK;
    }
    status = queue_put(async, made, ticket, error);
    if (status != WAGGLE_OK) {
        waggle_collection_close(collection);
        wg_free(made);
    }
    return status;
}

waggle_status waggle_upsert_async(waggle_collection *collection, const waggle_points *points,
                                  waggle_done_fn done, void *context, waggle_ticket **ticket,
                                  waggle_error *error)
{
    wg_error_clear(error);
    if (points == NULL) return wg_fail(error, WAGGLE_INVALID, "no points are given");
    waggle_ticket given = {.operation = OPERATION_UPSERT, .done = done, .context = context};
    waggle_status status =
        wg_options_read(&given.points, sizeof given.points, points, "waggle_points", error);
    return status == WAGGLE_OK ? submit(collection, &given, ticket, error) : status;
}

waggle_status waggle_search_async(waggle_collection *collection, const waggle_rows *queries,
                                  const waggle_search_options *options, waggle_done_fn done,
                                  void *context, waggle_ticket **ticket, waggle_error *error)
{
    wg_error_clear(error);
    if (queries == NULL) return wg_fail(error, WAGGLE_INVALID, "no query is given");
    waggle_ticket given = {
        .operation = OPERATION_SEARCH, .queries = *queries, .done = done, .context = context};
    waggle_status status = wg_options_read(&given.options, sizeof given.options, options,
                                           "waggle_search_options", error);
    given.options.struct_size = sizeof given.options; // what the caller's lacks is zero
    return status == WAGGLE_OK ? submit(collection, &given, ticket, error) : status;
}

bool waggle_ticket_poll(const waggle_ticket *ticket)
{
    // Acquire pairs with the release of ticket_end.
    return atomic_load_explicit(&ticket->ended, memory_order_acquire);
}

waggle_status waggle_ticket_wait(waggle_ticket *ticket, uint32_t timeout_ms, waggle_error *error)
{
    struct wg_async *async = ticket->async;
    uint64_t start = wg_now_ns();
    wg_error_clear(error);
    wg_mutex_lock(&async->lock);
    while (!waggle_ticket_poll(ticket)) {
        uint64_t passed_ms = (wg_now_ns() - start) / 1000000;
        if (timeout_ms == UINT32_MAX) {
            wg_cond_wait(&async->ended, &async->lock);
        } else if (passed_ms < timeout_ms) {
            (void)wg_cond_wait_ms(&async->ended, &async->lock, timeout_ms - (uint32_t)passed_ms);
        } else {
            wg_mutex_unlock(&async->lock);
            return wg_fail(error, WAGGLE_TIMEOUT, "%u ms passed; the operation goes on",
                           timeout_ms);
        }
    }
    waggle_status status = ticket->status;
    if (status != WAGGLE_OK && error != NULL) *error = ticket->error;
    wg_mutex_unlock(&async->lock);
    return status;
}

uint64_t waggle_ticket_sequence(const waggle_ticket *ticket)
{
    return waggle_ticket_poll(ticket) && ticket->status == WAGGLE_OK ? ticket->sequence : 0;
}

waggle_hits *waggle_ticket_hits(waggle_ticket *ticket)
{
    if (!waggle_ticket_poll(ticket)) return NULL;
    wg_mutex_lock(&ticket->async->lock);
    waggle_hits *hits = ticket->hits;
    ticket->hits = NULL; // moved
    wg_mutex_unlock(&ticket->async->lock);
    return hits;
}

void waggle_ticket_destroy(waggle_ticket *ticket)
{
    if (ticket == NULL) return;
    struct wg_async *async = ticket->async;
    wg_mutex_lock(&async->lock);
    bool own = callback_of == ticket;
    if (own) ticket->doomed = true;
    while (!own && (!waggle_ticket_poll(ticket) || ticket->calling))
        wg_cond_wait(&async->ended, &async->lock);
    if (ticket->listed) finished_remove(async, ticket);
    wg_mutex_unlock(&async->lock);
    if (!own) ticket_free(ticket);
}

int64_t waggle_event_handle(waggle_database *database, waggle_error *error)
{
    struct wg_async *async = NULL;
    int64_t handle = -1;
    wg_error_clear(error);
    if (async_get(database, &async, error) != WAGGLE_OK) return -1;
    wg_mutex_lock(&async->lock);
    if (async->event.handle >= 0 || wg_event_open(&async->event, error) == WAGGLE_OK) {
        async->keeps = true;
        handle = async->event.handle;
    }
    wg_mutex_unlock(&async->lock);
    return handle;
}

waggle_ticket *waggle_ticket_next(waggle_database *database)
{
    wg_mutex_lock(&database->wake_lock);
    struct wg_async *async = database->async;
    wg_mutex_unlock(&database->wake_lock);
    if (async == NULL) return NULL;
    wg_mutex_lock(&async->lock);
    waggle_ticket *ticket = async->finished.first;
    if (ticket != NULL) finished_remove(async, ticket);
    wg_mutex_unlock(&async->lock);
    return ticket;
}
