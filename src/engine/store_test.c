// The vector store without a database, and the devices that it lives on.
#include "base/thread.h"
#include "support/test.h"

#define DIM 3u

typedef struct fixture {
    waggle_device *device;
    waggle_store *store;
} fixture;

static void begin(fixture *f, waggle_metric metric)
{
    waggle_error error;
    WG_OK(waggle_device_open(NULL, &f->device, &error));
    WG_OK(waggle_store_create(f->device, DIM, metric, &f->store, &error));
}

static void end(fixture *f)
{
    waggle_store_destroy(f->store);
    waggle_device_close(f->device);
}

static uint64_t best(fixture *f, float x)
{
    waggle_error error;
    waggle_hits *hits = NULL;
    uint32_t found = 0;
    float query[DIM] = {x, 0, 0};
    WG_OK(waggle_store_search(f->store, query, 1, 1, &hits, &error));
    const waggle_hit *hit = waggle_hits_at(hits, 0, &found);
    uint64_t id = found == 0 ? UINT64_MAX : hit->id.value.number;
    waggle_hits_destroy(hits);
    return id;
}

static const float rows[4][DIM] = {
    {0, 0, 0},
    {1, 0, 0},
    {2, 0, 0},
    {3, 0, 0}
};

WG_TEST(numbers_go_on_from_the_highest_given)
{
    fixture f;
    waggle_error error;
    uint64_t first = 99;
    begin(&f, WAGGLE_L2);
    WG_OK(waggle_store_add(f.store, NULL, rows[0], 2, &first, &error));
    WG_CHECK_U64(first, 0);
    WG_OK(waggle_store_add(f.store, NULL, rows[2], 2, &first, &error));
    WG_CHECK_U64(first, 2);
    WG_CHECK_U64(waggle_store_count(f.store), 4);
    WG_CHECK_U64(best(&f, 2.2f), 2);
    waggle_id last = waggle_id_number(3);
    WG_OK(waggle_store_remove(f.store, &last, 1, NULL, &error));
    WG_OK(waggle_store_add(f.store, NULL, rows[3], 1, &first, &error));
    WG_CHECK_U64(first, 4); // a number is not given twice
    end(&f);
}

WG_TEST(adding_is_all_or_none)
{
    fixture f;
    waggle_error error;
    uint64_t first = 77;
    waggle_id ids[3] = {waggle_id_number(10), waggle_id_string("ten"), waggle_id_number(10)};
    begin(&f, WAGGLE_L2);
    WG_FAILS_WITH(WAGGLE_EXISTS, "10 is twice",
                  waggle_store_add(f.store, ids, rows[0], 3, NULL, &error));
    WG_CHECK_U64(waggle_store_count(f.store), 0);
    WG_OK(waggle_store_add(f.store, ids, rows[0], 2, NULL, &error));
    ids[0] = waggle_id_number(11);
    WG_FAILS_WITH(WAGGLE_EXISTS, "ten is there",
                  waggle_store_add(f.store, ids, rows[0], 2, NULL, &error));
    WG_CHECK_U64(waggle_store_count(f.store), 2);
    // A number that was given by the caller is in the way of the store's own.
    ids[0] = waggle_id_number(1);
    WG_OK(waggle_store_add(f.store, ids, rows[0], 1, NULL, &error));
    WG_FAILS(WAGGLE_EXISTS, waggle_store_add(f.store, NULL, rows[0], 2, &first, &error));
    WG_CHECK_U64(first, 77);
    WG_CHECK_U64(waggle_store_count(f.store), 3);
    ids[0] = (waggle_id){.kind = 9};
    WG_FAILS(WAGGLE_INVALID, waggle_store_add(f.store, ids, rows[0], 1, NULL, &error));
    WG_FAILS(WAGGLE_INVALID, waggle_store_add(f.store, NULL, NULL, 1, NULL, &error));
    WG_FAILS(WAGGLE_INVALID,
             waggle_store_add(f.store, NULL, rows[0], WAGGLE_BATCH_MAX + 1ull, NULL, &error));
    float bad[DIM] = {0, 0, 1.0f / 0.0f};
    WG_FAILS(WAGGLE_INVALID, waggle_store_add(f.store, NULL, bad, 1, NULL, &error));
    WG_OK(waggle_store_add(f.store, NULL, NULL, 0, NULL, &error));
    WG_CHECK_U64(waggle_store_count(f.store), 3);
    end(&f);
}

WG_TEST(vectors_are_read_replaced_and_removed)
{
    fixture f;
    waggle_error error;
    float vector[DIM];
    uint64_t removed = 9;
    waggle_id ids[2] = {waggle_id_number(1), waggle_id_number(9)};
    begin(&f, WAGGLE_L2);
    WG_OK(waggle_store_add(f.store, NULL, rows[0], 4, NULL, &error));
    WG_OK(waggle_store_get(f.store, ids[0], vector, &error));
    WG_CHECK(memcmp(vector, rows[1], sizeof vector) == 0);
    WG_FAILS_WITH(WAGGLE_NOT_FOUND, "9", waggle_store_get(f.store, ids[1], vector, &error));
    const float other[2][DIM] = {
        {7, 7, 7},
        {8, 8, 8}
    };
    WG_FAILS_WITH(WAGGLE_NOT_FOUND, "9", waggle_store_update(f.store, ids, other[0], 2, &error));
    WG_OK(waggle_store_get(f.store, ids[0], vector, &error));
    WG_CHECK(memcmp(vector, rows[1], sizeof vector) == 0); // nothing was changed
    WG_OK(waggle_store_update(f.store, ids, other[0], 1, &error));
    WG_OK(waggle_store_get(f.store, ids[0], vector, &error));
    WG_CHECK(memcmp(vector, other[0], sizeof vector) == 0);
    WG_CHECK_U64(waggle_store_count(f.store), 4);
    WG_FAILS(WAGGLE_INVALID, waggle_store_update(f.store, NULL, other[0], 1, &error));
    WG_OK(waggle_store_remove(f.store, ids, 2, &removed, &error));
    WG_CHECK_U64(removed, 1);
    WG_CHECK_U64(waggle_store_count(f.store), 3);
    WG_FAILS(WAGGLE_NOT_FOUND, waggle_store_get(f.store, ids[0], vector, &error));
    end(&f);
}

WG_TEST(clearing_empties_the_store_and_keeps_hits_and_numbers)
{
    fixture f;
    waggle_error error;
    waggle_hits *hits = NULL;
    uint64_t first = 0;
    uint32_t found = 0;
    begin(&f, WAGGLE_L2);
    for (uint64_t round = 0; round < 3; round++) {
        WG_OK(waggle_store_add(f.store, NULL, rows[0], 4, &first, &error));
        WG_CHECK_U64(first, 4 * round);
        WG_OK(waggle_store_search(f.store, rows[3], 1, 2, &hits, &error));
        WG_OK(waggle_store_clear(f.store, &error));
        WG_CHECK_U64(waggle_store_count(f.store), 0);
        WG_CHECK_U64(best(&f, 0), UINT64_MAX);
        const waggle_hit *hit = waggle_hits_at(hits, 0, &found);
        WG_CHECK_U64(found, 2);
        WG_CHECK_U64(hit[0].id.value.number, 4 * round + 3);
        waggle_hits_destroy(hits);
    }
    end(&f);
}

WG_TEST(a_store_refuses_what_no_collection_can_be)
{
    fixture f;
    waggle_error error;
    waggle_store *store = NULL;
    begin(&f, WAGGLE_COSINE);
    WG_FAILS_WITH(WAGGLE_INVALID, "0", waggle_store_create(f.device, 0, WAGGLE_L2, &store, &error));
    WG_FAILS_WITH(WAGGLE_INVALID, "65537",
                  waggle_store_create(f.device, WAGGLE_DIM_MAX + 1, WAGGLE_L2, &store, &error));
    WG_FAILS(WAGGLE_INVALID, waggle_store_create(f.device, 8, WAGGLE_HAMMING, &store, &error));
    WG_FAILS(WAGGLE_INVALID, waggle_store_create(NULL, 8, WAGGLE_L2, &store, &error));
    WG_CHECK(store == NULL);
    waggle_store_destroy(NULL);
    end(&f);
}

// Devices.

WG_TEST(the_cpu_is_always_there_and_last)
{
    waggle_error error;
    waggle_device *device = NULL;
    waggle_device_info listed;
    waggle_device_info opened;
    uint32_t count = waggle_device_count();
    WG_CHECK(count >= 1);
    WG_OK(waggle_device_info_get(count - 1, &listed, &error));
    WG_CHECK_TEXT(listed.backend, "cpu");
    WG_FAILS(WAGGLE_NOT_FOUND, waggle_device_info_get(count, &listed, &error));
    WG_OK(waggle_device_open("cpu", &device, &error));
    WG_OK(waggle_device_describe(device, &opened, &error));
    WG_CHECK_TEXT(opened.name, listed.name);
    waggle_device_close(device);
    waggle_device_close(NULL);
    WG_FAILS_WITH(WAGGLE_NOT_FOUND, "toaster", waggle_device_open("toaster", &device, &error));
}

WG_TEST(backends_are_listed_with_a_reason)
{
    static const char *const names[] = {"cuda", "metal", "hip", "vulkan", "webgpu", "cpu"};
    waggle_error error;
    waggle_backend_info info;
    WG_CHECK_U64(waggle_backend_count(), WG_COUNT(names));
    for (uint32_t i = 0; i < WG_COUNT(names); i++) {
        WG_OK(waggle_backend_info_get(i, &info, &error));
        WG_CHECK_TEXT(info.name, names[i]);
        WG_CHECK((info.devices > 0) == (info.reason[0] == 0));
    }
    WG_FAILS(WAGGLE_NOT_FOUND, waggle_backend_info_get(WG_COUNT(names), &info, &error));
}

// Several threads.

typedef struct client {
    waggle_store *store;
    wg_thread thread;
    uint64_t added;
    uint64_t failures;
} client;

static void client_run(void *context)
{
    client *c = context;
    for (uint32_t i = 0; i < 60; i++) {
        waggle_error error;
        waggle_hits *hits = NULL;
        uint64_t first = 0;
        if (waggle_store_add(c->store, NULL, rows[0], 2, &first, &error) != WAGGLE_OK)
            c->failures++;
        c->added += 2;
        waggle_id id = waggle_id_number(first);
        uint64_t removed = 0;
        if (waggle_store_update(c->store, &id, rows[3], 1, &error) != WAGGLE_OK ||
            waggle_store_remove(c->store, &id, 1, &removed, &error) != WAGGLE_OK || removed != 1)
            c->failures++;
        c->added--;
        if (waggle_store_search(c->store, rows[1], 1, 5, &hits, &error) != WAGGLE_OK) c->failures++;
        waggle_hits_destroy(hits);
    }
}

WG_TEST(threads_add_update_remove_and_search_at_once)
{
    enum {
        CLIENTS = 3
    };

    fixture f;
    waggle_error error;
    client clients[CLIENTS] = {0};
    uint64_t expected = 0;
    begin(&f, WAGGLE_L2);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        clients[i].store = f.store;
        WG_OK(wg_thread_start(&clients[i].thread, "client", client_run, &clients[i], &error));
    }
    for (uint32_t i = 0; i < CLIENTS; i++) {
        wg_thread_join(&clients[i].thread);
        WG_CHECK_U64(clients[i].failures, 0);
        expected += clients[i].added;
    }
    WG_CHECK_U64(waggle_store_count(f.store), expected);
    end(&f);
}
