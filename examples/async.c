// An event loop: upserts and searches run while the program does other things. Finished operations make a
// handle readable, which any loop of poll(), epoll or kqueue can watch beside its sockets.
#include <waggle.h>

#include <poll.h>
#include <stdio.h>

enum {
    DIM = 8,
    BATCHES = 4,
    BATCH = 100
};

// Waits until an operation has ended, and returns its ticket.
static waggle_ticket *next_ticket(waggle_database *database, int64_t handle)
{
    waggle_ticket *ticket = waggle_ticket_next(database);
    while (ticket == NULL) {
        struct pollfd watched = {.fd = (int)handle, .events = POLLIN};
        poll(&watched, 1, 1000); // and whatever else this loop serves
        ticket = waggle_ticket_next(database);
    }
    return ticket;
}

static waggle_status finish(waggle_ticket *ticket, waggle_error *error)
{
    uint32_t count = 0;
    waggle_status status = waggle_ticket_wait(ticket, 0, error);
    waggle_hits *hits = waggle_ticket_hits(ticket);
    if (hits != NULL) {
        const waggle_hit *hit = waggle_hits_at(hits, 0, &count);
        printf("the nearest of all is point %d\n", count > 0 ? (int)hit[0].id.value.number : -1);
    } else if (status == WAGGLE_OK) {
        printf("a batch is on disk\n");
    }
    waggle_hits_destroy(hits);
    waggle_ticket_destroy(ticket);
    return status;
}

static waggle_status work(waggle_database *database, waggle_collection *collection,
                          waggle_error *error)
{
    // What a ticket works on stays valid until it is done.
    static float vectors[BATCHES][BATCH][DIM];
    waggle_vectors columns[BATCHES];
    waggle_points points[BATCHES];
    waggle_status status = WAGGLE_OK;
    waggle_ticket *ticket = NULL;
    int64_t handle = waggle_event_handle(database, error);
    if (handle < 0) return WAGGLE_UNSUPPORTED;

    for (int i = 0; i < BATCHES; i++) {
        for (int j = 0; j < BATCH * DIM; j++) {
            vectors[i][j / DIM][j % DIM] = (float)((i + 1) * (j + 7) % 101);
        }
        columns[i] = (waggle_vectors){.rows = waggle_rows_f32(vectors[i][0], BATCH, DIM)};
        points[i] = *waggle_points_of(.count = BATCH, .id_first = (uint64_t)i * BATCH,
                                      .vectors = &columns[i], .vector_count = 1);
        status = waggle_upsert_async(collection, &points[i], NULL, NULL, &ticket, error);
        if (status != WAGGLE_OK) return status;
    }
    for (int i = 0; i < BATCHES; i++) {
        status = finish(next_ticket(database, handle), error);
        if (status != WAGGLE_OK) return status;
    }
    const waggle_rows query = waggle_rows_f32(vectors[2][5], 1, DIM);
    status = waggle_search_async(collection, &query, waggle_search_options(.k = 1), NULL, NULL,
                                 &ticket, error);
    if (status != WAGGLE_OK) return status;
    return finish(next_ticket(database, handle), error);
}

int main(void)
{
    waggle_database *database = NULL;
    waggle_collection *collection = NULL;
    waggle_error error = {0};

    waggle_status status = waggle_open(NULL, NULL, &database, &error); // in memory
    if (status != WAGGLE_OK) goto cleanup;

    status = waggle_collection_create_simple(database, "numbers", DIM, WAGGLE_L2, WAGGLE_F32,
                                             &collection, &error);
    if (status != WAGGLE_OK) goto cleanup;

    status = work(database, collection, &error);

cleanup:
    if (status != WAGGLE_OK) fprintf(stderr, "%s\n", error.message);
    waggle_collection_close(collection);
    if (database != NULL) waggle_close(database, NULL);
    return status == WAGGLE_OK ? 0 : 1;
}
