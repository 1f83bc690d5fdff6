// The log in ordinary use: order, groups, modes, reading, trimming, full disks, failures.
#include "base/hash.h"
#include "base/thread.h"
#include "storage/log.h"
#include "storage/log_format.h"
#include "support/sim_disk.h"

#define FILE_SIZE 16384u

typedef struct batch {
    wg_append append;
    wg_piece pieces[4];
    char data[4][64];
    waggle_status status;
    int calls;
} batch;

static void batch_done(wg_append *append, waggle_status status, const waggle_error *error)
{
    batch *of = append->context;
    of->status = status;
    of->calls++;
    WG_CHECK((status == WAGGLE_OK) == (error == NULL));
}

// A batch of `count` records that name themselves.
static void batch_init(batch *of, uint32_t count, uint32_t tag)
{
    *of = (batch){.status = WAGGLE_TIMEOUT};
    for (uint32_t i = 0; i < count; i++) {
        int size = snprintf(of->data[i], sizeof(of->data[i]), "batch %u record %u", tag, i);
        of->pieces[i] = (wg_piece){of->data[i], (size_t)size};
    }
    of->append = (wg_append){.collection = tag,
                             .type = 7,
                             .count = count,
                             .records = of->pieces,
                             .done = batch_done,
                             .context = of};
}

static void commit(wg_log *log, uint32_t count, uint32_t tag)
{
    waggle_error error = {0};
    batch of;
    batch_init(&of, count, tag);
    WG_OK(wg_log_append(log, &of.append, &error));
    WG_OK(wg_log_flush(log, of.append.seq, &error));
    WG_CHECK_U64(of.calls, 1);
    WG_CHECK_U64(of.status, WAGGLE_OK);
}

typedef struct seen {
    uint64_t count;
    uint64_t next; // sequence expected; 0 = any
    uint64_t commits;
    uint64_t stop_after; // 0 = never
    uint32_t tag;        // of the last
} seen;

static bool see(void *context, const wg_record *record)
{
    seen *of = context;
    if (of->next != 0) WG_CHECK_U64(record->seq, of->next);
    of->next = record->seq + 1;
    of->tag = record->collection;
    of->count++;
    of->commits += record->commit;
    char expected[32];
    int size = snprintf(expected, sizeof(expected), "batch %u record", record->collection);
    WG_CHECK(record->size > (size_t)size && memcmp(record->payload, expected, (size_t)size) == 0);
    return of->count != of->stop_after;
}

static wg_log *open_log(wg_vfs *disk, waggle_durability durability)
{
    waggle_error error = {0};
    wg_log *log = NULL;
    wg_log_options options = {
        .vfs = disk, .folder = "/db/log", .durability = durability, .file_size = FILE_SIZE};
    WG_OK(wg_log_file_open(&options, &log, &error));
    return log;
}

static wg_vfs *new_disk(void)
{
    waggle_error error = {0};
    wg_vfs *disk = sim_disk_create(test_seed(1));
    WG_OK(wg_vfs_make_dir(disk, "/db", &error));
    WG_OK(wg_vfs_sync_dir(disk, "/", &error));
    return disk;
}

// Both members keep the contract: the tests below run over each.
static void check_order_and_tail(wg_log *log)
{
    waggle_error error = {0};
    for (uint32_t i = 1; i <= 300; i++) {
        commit(log, 1 + i % 3, i);
    }
    wg_log_state now = wg_log_state_get(log);
    WG_CHECK_U64(now.last, 600);
    WG_CHECK_U64(now.written, 600);
    WG_CHECK_U64(now.durable, 600);
    seen all = {.next = 1};
    WG_OK(wg_log_read(log, 1, see, &all, &error));
    WG_CHECK_U64(all.count, 600);
    WG_CHECK_U64(all.commits, 300);
    seen tail = {.next = 601};
    WG_OK(wg_log_read(log, 601, see, &tail, &error));
    WG_CHECK_U64(tail.count, 0);
    commit(log, 2, 301);
    WG_OK(wg_log_read(log, 601, see, &tail, &error));
    WG_CHECK_U64(tail.count, 2);
    seen some = {.next = 500, .stop_after = 10};
    WG_OK(wg_log_read(log, 500, see, &some, &error));
    WG_CHECK_U64(some.count, 10);
}

WG_TEST(file_log_keeps_order_and_tails)
{
    wg_vfs *disk = new_disk();
    wg_log *log = open_log(disk, WAGGLE_SYNC);
    check_order_and_tail(log);
    WG_CHECK(wg_log_state_get(log).files > 2);
    WG_CHECK(wg_log_state_get(log).kind == WG_DURABLE_DISK);
    WG_CHECK(wg_log_state_get(log).evidence[0] != '\0');
    wg_log_close(log);
    log = open_log(disk, WAGGLE_SYNC); // and after reopening
    seen all = {.next = 1};
    waggle_error error = {0};
    WG_OK(wg_log_read(log, 0, see, &all, &error));
    WG_CHECK_U64(all.count, 602);
    commit(log, 1, 302);
    WG_CHECK_U64(wg_log_state_get(log).last, 603);
    wg_log_close(log);
    sim_disk_destroy(disk);
}

WG_TEST(memory_log_keeps_order_and_tails)
{
    waggle_error error = {0};
    wg_log *log = NULL;
    WG_OK(wg_log_memory_open(NULL, true, &log, &error));
    check_order_and_tail(log);
    WG_OK(wg_log_trim(log, 100, &error));
    WG_CHECK_U64(wg_log_state_get(log).first, 100);
    WG_FAILS_WITH(WAGGLE_CORRUPT, "99", wg_log_read(log, 99, see, &(seen){0}, &error));
    wg_log_close(log);
}

WG_TEST(memory_log_without_retention_keeps_nothing)
{
    waggle_error error = {0};
    wg_log *log = NULL;
    WG_OK(wg_log_memory_open(NULL, false, &log, &error));
    commit(log, 3, 1);
    WG_CHECK_U64(wg_log_state_get(log).bytes, 0);
    WG_CHECK_U64(wg_log_state_get(log).first, 4);
    wg_log_close(log);
}

WG_TEST(memory_log_fails_and_loses_as_told)
{
    waggle_error error = {0};
    wg_log *log = NULL;
    batch of;
    WG_OK(wg_log_memory_open(NULL, true, &log, &error));
    for (uint32_t i = 1; i <= 5; i++) {
        commit(log, 2, i);
    }
    wg_log_memory_fail(log, WAGGLE_IO);
    batch_init(&of, 1, 6);
    WG_OK(wg_log_append(log, &of.append, &error));
    WG_FAILS(WAGGLE_READ_ONLY, wg_log_flush(log, of.append.seq, &error));
    WG_CHECK_U64(of.status, WAGGLE_IO);
    WG_CHECK(wg_log_state_get(log).failed);
    wg_log_memory_crash(log, 3); // the last batch and half of another, which goes as a whole
    WG_CHECK_U64(wg_log_state_get(log).last, 6);
    WG_CHECK_U64(wg_log_state_get(log).epoch, 2);
    commit(log, 1, 7);
    seen all = {.next = 1};
    WG_OK(wg_log_read(log, 1, see, &all, &error));
    WG_CHECK_U64(all.count, 7);
    wg_log_close(log);
}

WG_TEST(batches_queued_together_share_one_flush)
{
    waggle_error error = {0};
    wg_vfs *disk = new_disk();
    wg_log *log = open_log(disk, WAGGLE_SYNC);
    static batch batches[100];
    commit(log, 1, 1);
    uint64_t before = wg_log_state_get(log).syncs;
    for (uint32_t i = 0; i < 100; i++) {
        batch_init(&batches[i], 1, i + 2);
        WG_OK(wg_log_append(log, &batches[i].append, &error));
        WG_CHECK_U64(batches[i].calls, 0);
    }
    WG_OK(wg_log_flush(log, batches[99].append.seq, &error));
    for (uint32_t i = 0; i < 100; i++) {
        WG_CHECK_U64(batches[i].calls, 1);
    }
    WG_CHECK_U64(wg_log_state_get(log).syncs, before + 1);
    wg_log_close(log);
    sim_disk_destroy(disk);
}

WG_TEST(closing_cancels_what_was_not_flushed)
{
    waggle_error error = {0};
    wg_vfs *disk = new_disk();
    wg_log *log = open_log(disk, WAGGLE_SYNC);
    batch of;
    batch_init(&of, 1, 1);
    WG_OK(wg_log_append(log, &of.append, &error));
    wg_log_close(log);
    WG_CHECK_U64(of.calls, 1);
    WG_CHECK_U64(of.status, WAGGLE_CANCELED);
    sim_disk_destroy(disk);
}

WG_TEST(modes_promise_what_they_say)
{
    static const waggle_durability modes[] = {WAGGLE_SYNC, WAGGLE_INTERVAL, WAGGLE_OFF};
    waggle_error error = {0};
    for (size_t i = 0; i < WG_COUNT(modes); i++) {
        wg_vfs *disk = new_disk();
        wg_log *log = open_log(disk, modes[i]);
        commit(log, 2, 1);
        wg_log_state now = wg_log_state_get(log);
        WG_CHECK_U64(now.written, 2);
        WG_CHECK_U64(now.durable, modes[i] == WAGGLE_SYNC ? 2 : 0);
        WG_CHECK(now.kind == (modes[i] == WAGGLE_SYNC ? WG_DURABLE_DISK : WG_DURABLE_OS));
        WG_OK(wg_log_sync(log, &error));
        WG_CHECK_U64(wg_log_state_get(log).durable, 2);
        uint64_t syncs = wg_log_state_get(log).syncs;
        WG_OK(wg_log_sync(log, &error)); // nothing to do
        WG_CHECK_U64(wg_log_state_get(log).syncs, syncs);
        sim_disk_crash(disk, 7);
        wg_log_close(log);
        log = open_log(disk, modes[i]);
        WG_CHECK_U64(wg_log_state_get(log).last, 2);
        wg_log_close(log);
        sim_disk_destroy(disk);
    }
}

WG_TEST(trimming_drops_whole_files_and_uses_them_again)
{
    waggle_error error = {0};
    wg_vfs *disk = new_disk();
    wg_log *log = open_log(disk, WAGGLE_SYNC);
    uint64_t files_max = 0;
    for (uint32_t i = 1; i <= 3000; i++) {
        commit(log, 1, i);
        if (i % 100 == 0 && i > 500) WG_OK(wg_log_trim(log, i - 500, &error));
        if (i > 1000) files_max = WG_MAX(files_max, wg_log_state_get(log).files);
    }
    WG_CHECK(files_max < 10);
    wg_log_state now = wg_log_state_get(log);
    WG_CHECK(now.first <= 2500 && now.first > 2000);
    seen rest = {.next = 2500};
    WG_OK(wg_log_read(log, 2500, see, &rest, &error));
    WG_CHECK_U64(rest.count, 501);
    WG_FAILS_WITH(WAGGLE_CORRUPT, "record 1 is missing",
                  wg_log_read(log, 1, see, &(seen){0}, &error));
    WG_OK(wg_log_trim(log, 10000, &error)); // the file in use stays
    wg_log_close(log);
    log = open_log(disk, WAGGLE_SYNC);
    WG_CHECK_U64(wg_log_state_get(log).last, 3000);
    commit(log, 1, 3001);
    wg_log_close(log);
    sim_disk_destroy(disk);
}

static bool trim_inside(void *context, const wg_record *record)
{
    waggle_error error = {0};
    if (record->seq == 1) WG_OK(wg_log_trim(*(wg_log **)context, 1000, &error));
    return true;
}

WG_TEST(trimming_leaves_files_that_are_being_read)
{
    waggle_error error = {0};
    wg_vfs *disk = new_disk();
    wg_log *log = open_log(disk, WAGGLE_SYNC);
    for (uint32_t i = 1; i <= 1000; i++) {
        commit(log, 1, i);
    }
    WG_OK(wg_log_read(log, 1, trim_inside, &log, &error));
    WG_CHECK_U64(wg_log_state_get(log).first, 1);
    WG_OK(wg_log_trim(log, 1000, &error));
    WG_CHECK(wg_log_state_get(log).first > 1);
    wg_log_close(log);
    sim_disk_destroy(disk);
}

WG_TEST(numbering_can_begin_above)
{
    waggle_error error = {0};
    wg_vfs *disk = new_disk();
    wg_log *log = NULL;
    wg_log_options options = {
        .vfs = disk, .folder = "/db/log", .first_at_least = 101, .file_size = FILE_SIZE};
    WG_OK(wg_log_file_open(&options, &log, &error));
    commit(log, 2, 1);
    WG_CHECK_U64(wg_log_state_get(log).last, 102);
    wg_log_close(log);
    options.first_at_least = 501; // a log that is not empty leaves numbers out
    WG_OK(wg_log_file_open(&options, &log, &error));
    WG_CHECK_U64(wg_log_state_get(log).last, 500);
    commit(log, 2, 2);
    wg_log_close(log);
    WG_OK(wg_log_file_open(&options, &log, &error));
    seen before = {.next = 101, .stop_after = 2};
    WG_OK(wg_log_read(log, 101, see, &before, &error));
    WG_CHECK_U64(before.count, 2);
    seen after = {.next = 501};
    WG_OK(wg_log_read(log, 103, see, &after, &error)); // left out: what follows
    WG_CHECK_U64(after.count, 2);
    wg_log_close(log);
    sim_disk_destroy(disk);
}

WG_TEST(read_only_changes_nothing_and_refuses_writes)
{
    waggle_error error = {0};
    wg_vfs *disk = new_disk();
    wg_log *log = open_log(disk, WAGGLE_SYNC);
    commit(log, 2, 1);
    wg_log_close(log);
    uint64_t calls = sim_disk_calls(disk);
    wg_log_options options = {.vfs = disk, .folder = "/db/log", .read_only = true};
    WG_OK(wg_log_file_open(&options, &log, &error));
    seen all = {.next = 1};
    WG_OK(wg_log_read(log, 1, see, &all, &error));
    WG_CHECK_U64(all.count, 2);
    batch of;
    batch_init(&of, 1, 2);
    WG_FAILS(WAGGLE_READ_ONLY, wg_log_append(log, &of.append, &error));
    WG_FAILS(WAGGLE_READ_ONLY, wg_log_trim(log, 1, &error));
    wg_log_close(log);
    options.folder = "/db/nothing"; // no log is an empty one
    WG_OK(wg_log_file_open(&options, &log, &error));
    wg_log_close(log);
    WG_CHECK_U64(sim_disk_calls(disk), calls);
    sim_disk_destroy(disk);
}

WG_TEST(sizes_beyond_the_limits_are_refused)
{
    waggle_error error = {0};
    wg_vfs *disk = new_disk();
    wg_log *log = NULL;
    wg_log_options options = {.vfs = disk, .folder = "/db/log", .file_size = 5000};
    WG_FAILS_WITH(WAGGLE_INVALID, "5000", wg_log_file_open(&options, &log, &error));
    log = open_log(disk, WAGGLE_SYNC);
    static char large[FILE_SIZE];
    wg_piece piece = {large, sizeof(large)};
    batch of;
    batch_init(&of, 1, 1);
    of.append.records = &piece;
    WG_FAILS_WITH(WAGGLE_INVALID, "16384", wg_log_append(log, &of.append, &error));
    piece.size = WG_RECORD_SIZE_MAX + 1;
    WG_FAILS_WITH(WAGGLE_INVALID, "25165825", wg_log_append(log, &of.append, &error));
    piece.size = FILE_SIZE - WG_LOG_DATA_START - WG_RECORD_HEADER_SIZE; // exactly a file
    WG_OK(wg_log_append(log, &of.append, &error));
    WG_OK(wg_log_flush(log, of.append.seq, &error));
    WG_CHECK_U64(of.status, WAGGLE_OK);
    piece.size = 0;
    WG_OK(wg_log_append(log, &of.append, &error));
    WG_OK(wg_log_flush(log, of.append.seq, &error));
    wg_log_close(log);
    sim_disk_destroy(disk);
}

// ---- Many threads.

#define WRITERS 64

typedef struct writer {
    wg_thread thread;
    wg_log *log;
    uint32_t tag;
    uint32_t rounds;
    _Atomic uint64_t *order; // the sequence of the last callback, of all threads
    uint64_t failures;
} writer;

typedef struct ordered {
    batch batch;
    _Atomic uint64_t *order;
} ordered;

static void ordered_done(wg_append *append, waggle_status status, const waggle_error *error)
{
    ordered *of = append->context;
    (void)error;
    uint64_t before = atomic_exchange(of->order, append->seq);
    of->batch.status = before < append->seq ? status : WAGGLE_INVALID;
    of->batch.calls++;
}

static void writer_run(void *context)
{
    writer *of = context;
    waggle_error error;
    for (uint32_t i = 0; i < of->rounds; i++) {
        ordered one;
        batch_init(&one.batch, 1 + i % 2, of->tag);
        one.order = of->order;
        one.batch.append.done = ordered_done;
        one.batch.append.context = &one;
        waggle_status status = wg_log_append(of->log, &one.batch.append, &error);
        if (status == WAGGLE_OK) status = wg_log_flush(of->log, one.batch.append.seq, &error);
        if (status != WAGGLE_OK || one.batch.calls != 1 || one.batch.status != WAGGLE_OK) {
            of->failures++;
        }
        if (i % 16 == 0 && wg_log_sync(of->log, &error) != WAGGLE_OK) of->failures++;
    }
}

// 64 writers, while this thread reads the tail and trims.
static void check_threads(wg_log *log, bool trims)
{
    static writer writers[WRITERS];
    waggle_error error = {0};
    _Atomic uint64_t order = 0;
    uint32_t rounds = (uint32_t)test_rounds(60, 2000);
    uint64_t expected = 0;
    for (uint32_t i = 0; i < WRITERS; i++) {
        writers[i] = (writer){.log = log, .tag = i + 1, .rounds = rounds, .order = &order};
        WG_OK(wg_thread_start(&writers[i].thread, "writer", writer_run, &writers[i], &error));
        expected += rounds + rounds / 2;
    }
    seen all = {.next = 1};
    while (all.count < expected) {
        WG_OK(wg_log_read(log, all.next, see, &all, &error));
        if (trims) WG_OK(wg_log_trim(log, all.next, &error));
    }
    for (uint32_t i = 0; i < WRITERS; i++) {
        wg_thread_join(&writers[i].thread);
        WG_CHECK_U64(writers[i].failures, 0);
    }
    WG_CHECK_U64(wg_log_state_get(log).last, expected);
}

WG_TEST(sixty_four_threads_commit_while_another_reads_and_trims)
{
    waggle_error error = {0};
    char folder[WG_PATH_SIZE_MAX];
    char path[WG_PATH_SIZE_MAX];
    static const waggle_durability modes[] = {WAGGLE_SYNC, WAGGLE_OFF};
    for (size_t i = 0; i < WG_COUNT(modes); i++) {
        test_folder(folder, sizeof(folder));
        WG_OK(wg_path_join(path, folder, "log", &error));
        wg_log *log = NULL;
        wg_log_options options = {.vfs = wg_vfs_posix(),
                                  .folder = path,
                                  .durability = modes[i],
                                  .file_size = i == 0 ? 1u << 20 : 65536};
        WG_OK(wg_log_file_open(&options, &log, &error));
        check_threads(log, true);
        wg_log_close(log);
        WG_OK(wg_log_memory_open(NULL, true, &log, &error));
        check_threads(log, false);
        wg_log_close(log);
    }
}

// A queue above its bound drives itself: appending without flushing holds a bounded number of bytes.
WG_TEST(a_full_queue_drives_the_log)
{
    waggle_error error = {0};
    char folder[WG_PATH_SIZE_MAX];
    test_folder(folder, sizeof(folder));
    wg_log *log = NULL;
    wg_log_options options = {
        .vfs = wg_vfs_posix(), .folder = folder, .durability = WAGGLE_OFF, .file_size = 32u << 20};
    WG_OK(wg_log_file_open(&options, &log, &error));
    static char large[3u << 20];
    static batch batches[8];
    wg_piece piece = {large, sizeof(large)};
    for (uint32_t i = 0; i < WG_COUNT(batches); i++) {
        batch_init(&batches[i], 1, i);
        batches[i].append.records = &piece;
        WG_OK(wg_log_append(log, &batches[i].append, &error));
    }
    WG_CHECK_U64(batches[0].calls, 1);
    WG_CHECK_U64(batches[7].calls, 0);
    WG_OK(wg_log_flush(log, batches[7].append.seq, &error));
    WG_CHECK_U64(batches[7].status, WAGGLE_OK);
    wg_log_close(log);
}

// ---- Failures.

WG_TEST(a_failed_flush_is_final)
{
    waggle_error error = {0};
    for (int call = 0; call < 2; call++) {
        wg_vfs *disk = new_disk();
        wg_log *log = open_log(disk, WAGGLE_SYNC);
        batch first;
        batch second;
        commit(log, 1, 1);
        sim_disk_fail(disk, call == 0 ? SIM_WRITE : SIM_SYNC, 1, WAGGLE_IO, false, true);
        batch_init(&first, 1, 2);
        batch_init(&second, 1, 3);
        WG_OK(wg_log_append(log, &first.append, &error));
        WG_OK(wg_log_append(log, &second.append, &error));
        WG_FAILS(WAGGLE_READ_ONLY, wg_log_flush(log, second.append.seq, &error));
        WG_CHECK_U64(first.status, WAGGLE_IO);
        WG_CHECK_U64(second.status, WAGGLE_IO);
        WG_CHECK(wg_log_state_get(log).failed);
        uint64_t syncs = sim_disk_count(disk, SIM_SYNC);
        WG_FAILS(WAGGLE_READ_ONLY, wg_log_append(log, &first.append, &error));
        WG_FAILS(WAGGLE_READ_ONLY, wg_log_sync(log, &error));
        WG_CHECK_U64(sim_disk_count(disk, SIM_SYNC), syncs); // a flush is never tried again
        wg_log_close(log);
        log = open_log(disk, WAGGLE_SYNC);
        WG_CHECK(wg_log_state_get(log).last >= 1);
        commit(log, 1, 4);
        wg_log_close(log);
        sim_disk_destroy(disk);
    }
}

static waggle_status try_commit(wg_log *log, size_t size, uint32_t records)
{
    static char data[WG_LOG_FILE_SIZE / 64];
    waggle_error error = {0};
    wg_piece pieces[64];
    batch of;
    batch_init(&of, 1, 9);
    snprintf(data, sizeof(data), "batch 9 record");
    for (uint32_t i = 0; i < records; i++) {
        pieces[i] = (wg_piece){data, size};
    }
    of.append.records = pieces;
    of.append.count = records;
    waggle_status status = wg_log_append(log, &of.append, &error);
    if (status != WAGGLE_OK) return status;
    (void)wg_log_flush(log, of.append.seq, &error);
    WG_CHECK_U64(of.calls, 1);
    return of.status;
}

WG_TEST(a_full_disk_refuses_large_batches_and_takes_small_ones_and_recovers)
{
    waggle_error error = {0};
    wg_vfs *disk = new_disk();
    wg_log *log = NULL;
    wg_log_options options = {.vfs = disk, .folder = "/db/log", .file_size = 262144};
    WG_OK(wg_log_file_open(&options, &log, &error));
    sim_disk_space(disk, 5 * 262144 + 4096);
    waggle_status status = WAGGLE_OK;
    uint64_t written = 0;
    while (status == WAGGLE_OK) {
        status = try_commit(log, 10000, 8);
        if (status == WAGGLE_OK) written += 8;
        WG_CHECK(written < 1000);
    }
    WG_CHECK_U64(status, WAGGLE_DISK_FULL);
    WG_CHECK(!wg_log_state_get(log).failed);
    WG_CHECK_U64(wg_log_state_get(log).last, written); // sequences were taken back
    for (uint32_t i = 0; i < 300; i++) {
        WG_CHECK_U64(try_commit(log, 200, 1), WAGGLE_OK); // deleting goes on
    }
    WG_CHECK_U64(try_commit(log, 10000, 8), WAGGLE_DISK_FULL);
    sim_disk_space(disk, UINT64_MAX);
    WG_CHECK_U64(try_commit(log, 10000, 8), WAGGLE_OK);
    seen all = {.next = 1};
    WG_OK(wg_log_read(log, 1, see, &all, &error));
    WG_CHECK_U64(all.count, written + 300 + 8);
    wg_log_close(log);
    log = NULL;
    WG_OK(wg_log_file_open(&options, &log, &error));
    WG_CHECK_U64(wg_log_state_get(log).last, written + 300 + 8);
    wg_log_close(log);
    sim_disk_destroy(disk);
}

WG_TEST(a_refused_batch_takes_those_behind_it_back)
{
    waggle_error error = {0};
    wg_vfs *disk = new_disk();
    wg_log *log = open_log(disk, WAGGLE_SYNC);
    static batch batches[400];
    commit(log, 1, 1);
    sim_disk_space(disk, 3 * FILE_SIZE);
    for (uint32_t i = 0; i < WG_COUNT(batches); i++) {
        batch_init(&batches[i], 3, i);
        WG_OK(wg_log_append(log, &batches[i].append, &error));
    }
    WG_FAILS(WAGGLE_DISK_FULL, wg_log_flush(log, batches[399].append.seq, &error));
    uint32_t accepted = 0;
    while (batches[accepted].status == WAGGLE_OK) {
        accepted++;
    }
    WG_CHECK(accepted > 0);
    for (uint32_t i = 0; i < WG_COUNT(batches); i++) {
        WG_CHECK_U64(batches[i].calls, 1);
        WG_CHECK_U64(batches[i].status, i < accepted ? WAGGLE_OK : WAGGLE_DISK_FULL);
    }
    WG_CHECK_U64(wg_log_state_get(log).last, 1 + 3 * accepted);
    sim_disk_space(disk, UINT64_MAX);
    commit(log, 1, 5);
    seen all = {.next = 1};
    WG_OK(wg_log_read(log, 1, see, &all, &error));
    WG_CHECK_U64(all.count, 2 + 3 * accepted);
    wg_log_close(log);
    sim_disk_destroy(disk);
}

WG_TEST(a_newer_format_is_refused_with_both_numbers)
{
    waggle_error error = {0};
    wg_vfs *disk = new_disk();
    wg_file *file = NULL;
    uint8_t block[WG_LOG_DATA_START];
    wg_log *log = open_log(disk, WAGGLE_SYNC);
    commit(log, 1, 1);
    wg_log_close(log);
    WG_OK(wg_file_open(disk, "/db/log/00000001.wlog", WG_OPEN_WRITE, &file, &error));
    WG_OK(wg_file_read_all(file, 0, block, sizeof(block), &error));
    for (size_t at = 0; at < sizeof(block); at += WG_LOG_HEADER_COPY) {
        uint32_t version = 9;
        memcpy(block + at + 8, &version, 4);
        uint32_t crc = wg_crc32c(0, block + at, 60);
        memcpy(block + at + 60, &crc, 4);
    }
    WG_OK(wg_file_write(file, 0, block, sizeof(block), &error));
    wg_file_close(file);
    wg_log_options options = {.vfs = disk, .folder = "/db/log", .file_size = FILE_SIZE};
    WG_FAILS_WITH(WAGGLE_FORMAT_VERSION, "format 9 is newer than 1",
                  wg_log_file_open(&options, &log, &error));
    sim_disk_destroy(disk);
}

WG_TEST(check_counts_the_records_of_a_file)
{
    waggle_error error = {0};
    wg_vfs *disk = new_disk();
    uint64_t records = 0;
    uint64_t end = 0;
    wg_log *log = open_log(disk, WAGGLE_SYNC);
    for (uint32_t i = 1; i <= 10; i++) {
        commit(log, 1, i);
    }
    WG_OK(wg_log_file_check(disk, "/db/log/00000001.wlog", &records, &end, &error));
    WG_CHECK_U64(records, 10);
    WG_CHECK_U64(end, 4096 + 9 * 48 + 56);
    sim_disk_flip(disk, "/db/log/00000001.wlog", (4096 + 5 * 48 + 40) * 8);
    WG_FAILS_WITH(WAGGLE_CORRUPT, "record 6 at offset 4336",
                  wg_log_file_check(disk, "/db/log/00000001.wlog", &records, &end, &error));
    WG_FAILS(WAGGLE_INVALID, wg_log_file_check(disk, "/db/log/notes", &records, &end, &error));
    seen all = {.next = 1};
    WG_FAILS_WITH(WAGGLE_CORRUPT, "record 6 at offset 4336",
                  wg_log_read(log, 1, see, &all, &error));
    wg_log_close(log);
    sim_disk_destroy(disk);
}
