// The log on a simulated disk: crashes at every point, torn ends, flipped bits, calls and allocations that
// fail.
//
// What must hold after any crash: every batch that was called back with success, and was promised to be on
// disk, is there; what is there is a prefix of what was appended, in whole batches; and the log goes on from there.
#include "storage/log.h"
#include "storage/log_format.h"
#include "support/sim_disk.h"

#define FILE_SIZE 16384u
#define BATCHES_MAX 4096u
#define RECORDS_MAX 5u

// What the log was given, and what it said. Batches are told apart by their first bytes.
typedef struct model {
    struct {
        uint64_t last; // sequence
        uint32_t count;
        uint32_t size;
    } batches[BATCHES_MAX];

    uint32_t count;   // appended since the beginning, less what was lost
    uint32_t queued;  // of them, not called back
    uint32_t durable; // of them, promised to be on disk
    bool refused;     // a batch was called back with an error
    bool promises;    // the mode is SYNC
    uint64_t trimmed; // records below may be gone
    bool keeps;       // nothing is trimmed
} model;

typedef struct one {
    wg_append append;
    model *model;
    wg_piece pieces[RECORDS_MAX];
    uint8_t data[RECORDS_MAX][1100];
} one;

static void fill(uint8_t *data, uint32_t size, uint32_t batch, uint32_t record)
{
    test_random random = {((uint64_t)batch << 8) + record};
    for (uint32_t i = 0; i < size; i++) {
        data[i] = (uint8_t)test_next(&random);
    }
}

static void one_done(wg_append *append, waggle_status status, const waggle_error *error)
{
    one *of = append->context;
    (void)error;
    if (status != WAGGLE_OK) of->model->refused = true;
    if (status == WAGGLE_OK && !of->model->refused) {
        of->model->queued--;
        if (of->model->promises) of->model->durable = of->model->count - of->model->queued;
    }
}

// Queues a batch of up to four records of up to 1,000 bytes. false = the log takes no more.
static bool append_one(wg_log *log, model *of, one *slot, test_random *random)
{
    waggle_error error;
    uint32_t batch = of->count;
    *slot = (one){.model = of};
    uint32_t count = 1 + (uint32_t)test_below(random, RECORDS_MAX - 1);
    uint32_t size = (uint32_t)test_below(random, 1000);
    for (uint32_t i = 0; i < count; i++) {
        fill(slot->data[i], size, batch, i);
        slot->pieces[i] = (wg_piece){slot->data[i], size};
    }
    slot->append = (wg_append){.collection = batch,
                               .count = count,
                               .records = slot->pieces,
                               .done = one_done,
                               .context = slot};
    of->queued++;
    of->count++;
    if (wg_log_append(log, &slot->append, &error) != WAGGLE_OK) {
        of->queued--;
        of->count--;
        return false;
    }
    of->batches[batch].last = slot->append.seq;
    of->batches[batch].count = count;
    of->batches[batch].size = size;
    return true;
}

typedef struct walk {
    const model *model;
    uint32_t batch;
    uint32_t record;
    uint64_t seq;
} walk;

// Every record is the next one of the model, byte for byte.
static bool compare(void *context, const wg_record *record)
{
    walk *of = context;
    uint8_t expected[1100];
    WG_CHECK_U64(record->seq, of->seq);
    WG_CHECK(of->batch < of->model->count);
    WG_CHECK_U64(record->collection, of->batch);
    WG_CHECK_U64(record->size, of->model->batches[of->batch].size);
    fill(expected, (uint32_t)record->size, of->batch, of->record);
    WG_CHECK(record->size == 0 || memcmp(record->payload, expected, record->size) == 0);
    of->seq++;
    of->record++;
    bool last = of->record == of->model->batches[of->batch].count;
    WG_CHECK(record->commit == last);
    if (last) {
        of->batch++;
        of->record = 0;
    }
    return true;
}

// Reads everything from the beginning of a batch; the model becomes what is there.
static void check_contents(wg_log *log, model *of)
{
    waggle_error error = {0};
    walk at = {.model = of, .seq = 1};
    wg_log_state now = wg_log_state_get(log);
    WG_CHECK(now.first <= WG_MAX(of->trimmed, 1) || now.first == now.last + 1);
    while (at.batch < of->count && at.seq < of->trimmed) {
        at.seq = of->batches[at.batch].last + 1;
        at.batch++;
    }
    WG_OK(wg_log_read(log, at.seq, compare, &at, &error));
    WG_CHECK_U64(at.record, 0);         // whole batches
    WG_CHECK_U64(at.seq, now.last + 1); // and nothing is counted that cannot be read
    WG_CHECK(at.batch >= of->durable);
    of->count = at.batch;
    of->queued = 0;
    of->refused = false;
    of->durable = of->count; // opening flushed it
}

static wg_vfs *new_disk(uint64_t seed)
{
    waggle_error error = {0};
    wg_vfs *disk = sim_disk_create(seed);
    WG_OK(wg_vfs_make_dir(disk, "/db", &error));
    WG_OK(wg_vfs_sync_dir(disk, "/", &error));
    return disk;
}

static waggle_status open_log(wg_vfs *disk, wg_heap *heap, waggle_durability durability,
                              wg_log **log, waggle_error *error)
{
    wg_log_options options = {.vfs = disk,
                              .folder = "/db/log",
                              .heap = heap,
                              .durability = durability,
                              .file_size = FILE_SIZE};
    *log = NULL;
    return wg_log_file_open(&options, log, error);
}

#define SLOTS 8u

// Appends, flushes, syncs and trims at random until the log fails or the batches are used up.
static void work(wg_log *log, model *of, test_random *random, uint32_t steps)
{
    static one slots[SLOTS];
    waggle_error error;
    for (uint32_t step = 0; step < steps && of->count + SLOTS < BATCHES_MAX; step++) {
        uint32_t group = 1 + (uint32_t)test_below(random, SLOTS);
        for (uint32_t i = 0; i < group; i++) {
            if (!append_one(log, of, &slots[i], random)) return;
        }
        (void)wg_log_flush(log, slots[group - 1].append.seq, &error);
        if (of->refused) return;
        if (test_below(random, 6) == 0) {
            if (wg_log_sync(log, &error) != WAGGLE_OK) return;
            of->durable = of->count;
        }
        if (!of->keeps && test_below(random, 8) == 0) {
            uint64_t below = test_below(random, wg_log_state_get(log).durable + 1);
            of->trimmed = WG_MAX(of->trimmed, below);
            (void)wg_log_trim(log, below, &error);
        }
    }
}

static waggle_durability random_mode(test_random *random)
{
    static const waggle_durability modes[] = {WAGGLE_SYNC, WAGGLE_SYNC, WAGGLE_INTERVAL,
                                              WAGGLE_OFF};
    return modes[test_below(random, WG_COUNT(modes))];
}

// One life of a database: some work, and the power fails in the middle of it, or of opening, or after.
static void one_life(wg_vfs *disk, model *of, test_random *random)
{
    waggle_error error = {0};
    wg_log *log = NULL;
    waggle_durability mode = random_mode(random);
    sim_disk_stop_at(disk, 1 + test_below(random, test_below(random, 4) == 0 ? 12 : 120));
    waggle_status status = open_log(disk, NULL, mode, &log, &error);
    if (status == WAGGLE_OK) {
        check_contents(log, of);
        of->promises = mode == WAGGLE_SYNC;
        work(log, of, random, 1 + (uint32_t)test_below(random, 40));
    } else {
        WG_CHECK_U64(status, WAGGLE_IO); // the dead machine's; never damage
    }
    bool closed = test_below(random, 2) == 0; // before the power fails
    if (closed) wg_log_close(log);
    sim_disk_crash(disk, test_next(random));
    if (!closed) wg_log_close(log);
}

WG_TEST(crashes_lose_nothing_that_was_promised)
{
    static model of;
    uint64_t lives = test_rounds(5000, 1000000);
    test_random random = {test_seed(20)};
    wg_vfs *disk = NULL;
    for (uint64_t life = 0; life < lives; life++) {
        waggle_error error = {0};
        wg_log *log = NULL;
        if (disk == NULL || of.count + 500 > BATCHES_MAX || life % 12 == 0) {
            sim_disk_destroy(disk);
            disk = new_disk(test_next(&random));
            of = (model){0};
        }
        one_life(disk, &of, &random);
        if (test_below(&random, 4) == 0) continue; // crash again before anybody looked
        WG_OK(open_log(disk, NULL, WAGGLE_SYNC, &log, &error));
        check_contents(log, &of);
        wg_log_close(log);
    }
    sim_disk_destroy(disk);
}

// One life in which a flush fails and what it should have written may count as clean. Then no crash is needed to
// begin anew, and what the next life finds need not be on the disk.
static void one_failing_life(wg_vfs *disk, model *of, test_random *random)
{
    static const sim_call calls[] = {SIM_SYNC,  SIM_SYNC,   SIM_SYNC,   SIM_SYNC,    SIM_SYNC_DIR,
                                     SIM_WRITE, SIM_RENAME, SIM_UNLINK, SIM_ALLOCATE};
    waggle_error error = {0};
    wg_log *log = NULL;
    waggle_durability mode = random_mode(random);
    sim_call call = calls[test_below(random, WG_COUNT(calls))];
    sim_disk_fail(disk, call, 1 + test_below(random, 8), WAGGLE_IO, test_below(random, 4) == 0,
                  test_below(random, 2) == 0);
    // What could not be flushed cannot be removed either, and is found by the next life.
    if (call == SIM_SYNC && test_below(random, 2) == 0)
        sim_disk_fail(disk, SIM_UNLINK, 1, WAGGLE_IO, true, false);
    waggle_status status = open_log(disk, NULL, mode, &log, &error);
    if (status == WAGGLE_OK) {
        check_contents(log, of);
        of->promises = mode == WAGGLE_SYNC;
        work(log, of, random, 1 + (uint32_t)test_below(random, 10));
    } else {
        if (status != WAGGLE_IO) fail_msg("life: %s", error.message); // never damage
    }
    wg_log_close(log);
    sim_disk_fail(disk, call, 0, WAGGLE_IO, false, false);
    sim_disk_fail(disk, SIM_UNLINK, 0, WAGGLE_IO, false, false);
    if (test_below(random, 3) == 0) sim_disk_crash(disk, test_next(random));
}

WG_TEST(failed_flushes_lose_nothing_that_was_promised)
{
    static model of;
    uint64_t lives = test_rounds(5000, 1000000);
    test_random random = {test_seed(21)};
    wg_vfs *disk = NULL;
    for (uint64_t life = 0; life < lives; life++) {
        if (disk == NULL || of.count + 500 > BATCHES_MAX || life % 12 == 0) {
            sim_disk_destroy(disk);
            disk = new_disk(test_next(&random));
            of = (model){0};
        }
        one_failing_life(disk, &of, &random);
    }
    sim_disk_destroy(disk);
}

// A disk with a log that ends in batches which were written and not flushed.
static wg_vfs *unflushed_disk(model *of, uint64_t seed, wg_log **log)
{
    waggle_error error = {0};
    test_random random = {seed};
    static one slots[24];
    wg_vfs *disk = new_disk(seed);
    *of = (model){.promises = false};
    WG_OK(open_log(disk, NULL, WAGGLE_OFF, log, &error));
    for (uint32_t i = 0; i < 12; i++) {
        WG_CHECK(append_one(*log, of, &slots[i], &random));
    }
    WG_OK(wg_log_sync(*log, &error));
    of->durable = of->count;
    for (uint32_t i = 12; i < 24; i++) {
        WG_CHECK(append_one(*log, of, &slots[i], &random));
        WG_OK(wg_log_flush(*log, slots[i].append.seq, &error));
    }
    return disk;
}

// What was cut off stays cut off: after a torn end other batches are written in its place, and crashes follow.
WG_TEST(a_torn_end_never_comes_back)
{
    static model before;
    static model of;
    uint64_t rounds = test_rounds(150, 20000);
    for (uint64_t round = 0; round < rounds; round++) {
        waggle_error error = {0};
        test_random random = {test_seed(3) + round * 7919};
        wg_log *log = NULL;
        wg_vfs *disk = unflushed_disk(&before, test_next(&random), &log);
        sim_disk_crash(disk, test_next(&random));
        wg_log_close(log);
        of = before;
        for (uint32_t again = 0; again < 3; again++) {
            WG_OK(open_log(disk, NULL, WAGGLE_SYNC, &log, &error));
            check_contents(log, &of);
            of.promises = true;
            sim_disk_stop_at(disk, 1 + test_below(&random, 20));
            work(log, &of, &random, 4);
            sim_disk_crash(disk, test_next(&random));
            wg_log_close(log);
        }
        WG_OK(open_log(disk, NULL, WAGGLE_SYNC, &log, &error));
        check_contents(log, &of);
        wg_log_close(log);
        sim_disk_destroy(disk);
    }
}

// A batch of one record that has `size` bytes in the file.
static void append_equal(wg_log *log, uint8_t first, size_t size)
{
    waggle_error error = {0};
    static model of;
    static one slot;
    uint8_t data[1024] = {first};
    wg_piece piece = {data, size - WG_RECORD_HEADER_SIZE};
    of = (model){0};
    slot = (one){.model = &of};
    slot.append = (wg_append){.count = 1, .records = &piece, .done = one_done, .context = &slot};
    of.count = of.queued = 1;
    WG_OK(wg_log_append(log, &slot.append, &error));
    WG_OK(wg_log_flush(log, slot.append.seq, &error));
    WG_CHECK(!of.refused);
}

// The worst case of it: of three batches of one size the middle one is lost. Another batch takes its place
// exactly, and behind it the third would fit again.
WG_TEST(a_batch_behind_a_lost_one_is_not_found_behind_another)
{
    static const uint8_t zeros[48];
    waggle_error error = {0};
    wg_log *log = NULL;
    wg_file *file = NULL;
    wg_vfs *disk = new_disk(1);
    WG_OK(open_log(disk, NULL, WAGGLE_OFF, &log, &error));
    for (uint8_t i = 1; i <= 3; i++) {
        append_equal(log, i, 48);
    }
    wg_log_close(log);
    WG_OK(wg_file_open(disk, "/db/log/00000001.wlog", WG_OPEN_WRITE, &file, &error));
    WG_OK(wg_file_write(file, WG_LOG_DATA_START + 48, zeros, sizeof(zeros), &error));
    wg_file_close(file);
    WG_OK(open_log(disk, NULL, WAGGLE_SYNC, &log, &error));
    WG_CHECK_U64(wg_log_state_get(log).last, 1);
    append_equal(log, 4, 48);
    sim_disk_crash(disk, 1);
    wg_log_close(log);
    WG_OK(open_log(disk, NULL, WAGGLE_SYNC, &log, &error));
    WG_CHECK_U64(wg_log_state_get(log).last, 2);
    wg_log_close(log);
    sim_disk_destroy(disk);
}

// The same when the flush of the cut fails: the zeros over the third batch are read, but the disk never gets them.
WG_TEST(a_cut_whose_flush_failed_is_made_once_more)
{
    static const uint8_t zeros[512];
    for (uint64_t seed = 0; seed < 32; seed++) {
        waggle_error error = {0};
        wg_log *log = NULL;
        wg_file *file = NULL;
        wg_vfs *disk = new_disk(seed);
        sim_disk_failed_sync(disk, SIM_FAILED_SYNC_LOSES);
        WG_OK(open_log(disk, NULL, WAGGLE_OFF, &log, &error));
        for (uint8_t i = 1; i <= 3; i++) {
            append_equal(log, i, sizeof(zeros));
        }
        wg_log_close(log);
        WG_OK(wg_file_open(disk, "/db/log/00000001.wlog", WG_OPEN_WRITE, &file, &error));
        WG_OK(wg_file_write(file, WG_LOG_DATA_START + sizeof(zeros), zeros, sizeof(zeros), &error));
        WG_OK(wg_file_sync(file, &error));
        wg_file_close(file);
        sim_disk_fail(disk, SIM_SYNC, 1, WAGGLE_IO, false, false);
        WG_FAILS(WAGGLE_IO, open_log(disk, NULL, WAGGLE_SYNC, &log, &error));
        WG_OK(open_log(disk, NULL, WAGGLE_SYNC, &log, &error));
        WG_CHECK_U64(wg_log_state_get(log).last, 1);
        append_equal(log, 4, sizeof(zeros));
        sim_disk_crash(disk, seed);
        wg_log_close(log);
        WG_OK(open_log(disk, NULL, WAGGLE_SYNC, &log, &error));
        WG_CHECK_U64(wg_log_state_get(log).last, 2);
        wg_log_close(log);
        sim_disk_destroy(disk);
    }
}

// A killed process leaves records with the operating system. Opened again, the log calls them durable.
WG_TEST(opening_flushes_what_a_killed_process_wrote)
{
    static model of;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        waggle_error error = {0};
        wg_log *log = NULL;
        wg_vfs *disk = unflushed_disk(&of, seed, &log);
        wg_log_close(log);
        WG_OK(open_log(disk, NULL, WAGGLE_SYNC, &log, &error));
        uint64_t last = of.batches[of.count - 1].last;
        WG_CHECK_U64(wg_log_state_get(log).durable, last);
        sim_disk_crash(disk, seed);
        wg_log_close(log);
        WG_OK(open_log(disk, NULL, WAGGLE_SYNC, &log, &error));
        WG_CHECK_U64(wg_log_state_get(log).last, last);
        wg_log_close(log);
        sim_disk_destroy(disk);
    }
}

// Recovery itself is cut off at each of its steps.
WG_TEST(recovery_can_crash_at_every_step)
{
    static model before;
    static model of;
    waggle_error error = {0};
    for (uint64_t seed = 1; seed <= test_rounds(20, 2000); seed++) {
        wg_log *log = NULL;
        wg_vfs *disk = unflushed_disk(&before, seed, &log);
        sim_disk_crash(disk, seed);
        wg_log_close(log);
        bool finished = false;
        for (uint64_t step = 1; !finished; step++) {
            wg_vfs *copy = sim_disk_copy(disk);
            of = before;
            sim_disk_stop_at(copy, step);
            finished = open_log(copy, NULL, WAGGLE_SYNC, &log, &error) == WAGGLE_OK;
            sim_disk_crash(copy, seed * 1000 + step);
            wg_log_close(log);
            WG_OK(open_log(copy, NULL, WAGGLE_SYNC, &log, &error));
            check_contents(log, &of);
            wg_log_close(log);
            sim_disk_destroy(copy);
        }
        sim_disk_destroy(disk);
    }
}

// ---- Damage.

static wg_vfs *closed_disk(model *of, uint32_t steps)
{
    waggle_error error = {0};
    wg_log *log = NULL;
    test_random random = {5};
    wg_vfs *disk = new_disk(1);
    *of = (model){.promises = true, .keeps = true};
    WG_OK(open_log(disk, NULL, WAGGLE_SYNC, &log, &error));
    work(log, of, &random, steps);
    wg_log_close(log);
    return disk;
}

// A flip is either found, or everything is still there.
static void check_flip(const wg_vfs *disk, const model *before, const char *path, uint64_t bit,
                       bool proof)
{
    static model of;
    waggle_error error = {0};
    wg_log *log = NULL;
    wg_vfs *copy = sim_disk_copy(disk);
    sim_disk_flip(copy, path, bit);
    uint64_t last = before->batches[before->count - 1].last;
    wg_log_options options = {.vfs = copy,
                              .folder = "/db/log",
                              .file_size = FILE_SIZE,
                              .durable_at_least = proof ? last : 0};
    waggle_status status = wg_log_file_open(&options, &log, &error);
    if (status == WAGGLE_OK) {
        of = *before;
        walk at = {.model = &of, .seq = 1};
        status = wg_log_read(log, 1, compare, &at, &error);
        if (status == WAGGLE_OK) WG_CHECK_U64(at.batch, before->count);
        wg_log_close(log);
    }
    if (status != WAGGLE_OK) {
        WG_CHECK(status == WAGGLE_CORRUPT);
        WG_CHECK(strstr(error.message, "log") != NULL);
    }
    sim_disk_destroy(copy);
}

static void check_flips(const wg_vfs *disk, const model *of, uint64_t step, bool proof)
{
    for (size_t i = 0; i < sim_disk_files(disk); i++) {
        uint64_t size = 0;
        const char *path = sim_disk_file(disk, i, &size);
        for (uint64_t byte = 0; byte < size; byte += step) {
            check_flip(disk, of, path, byte * 8 + byte % 8, proof);
        }
    }
}

WG_TEST(every_flipped_byte_is_found_or_harmless)
{
    static model of;
    wg_vfs *disk = closed_disk(&of, 4);
    check_flips(disk, &of, test_rounds(37, 1), true);
    check_flips(disk, &of, test_rounds(41, 1), false); // the end of a closed log proves itself
    sim_disk_destroy(disk);
}

// A record that the manifest knows is missed, also when the log ends before it without a trace.
WG_TEST(a_missing_end_is_damage_if_it_was_durable)
{
    static model of;
    waggle_error error = {0};
    wg_log *log = NULL;
    wg_vfs *disk = unflushed_disk(&of, 4, &log);
    uint64_t durable = wg_log_state_get(log).durable;
    uint64_t last = wg_log_state_get(log).last;
    WG_CHECK(durable < last);
    wg_vfs *crashed = NULL;
    for (uint64_t seed = 1; crashed == NULL; seed++) { // a crash that loses something
        wg_vfs *copy = sim_disk_copy(disk);
        sim_disk_crash(copy, seed);
        wg_log *other = NULL;
        WG_OK(open_log(copy, NULL, WAGGLE_SYNC, &other, &error));
        if (wg_log_state_get(other).last < last) crashed = copy;
        wg_log_close(other);
        if (crashed == NULL) sim_disk_destroy(copy);
    }
    wg_log_close(log);
    wg_log_options options = {
        .vfs = crashed, .folder = "/db/log", .file_size = FILE_SIZE, .durable_at_least = last};
    WG_FAILS_WITH(WAGGLE_CORRUPT, "had been durable", wg_log_file_open(&options, &log, &error));
    options.durable_at_least = durable;
    WG_OK(wg_log_file_open(&options, &log, &error));
    wg_log_close(log);
    options.folder = "/db/other";
    WG_FAILS_WITH(WAGGLE_CORRUPT, "is empty", wg_log_file_open(&options, &log, &error));
    sim_disk_destroy(crashed);
    sim_disk_destroy(disk);
}

WG_TEST(a_file_that_was_removed_is_missed)
{
    static model of;
    waggle_error error = {0};
    wg_log *log = NULL;
    wg_vfs *disk = closed_disk(&of, 30);
    WG_OK(wg_vfs_unlink(disk, "/db/log/00000002.wlog", &error));
    WG_OK(open_log(disk, NULL, WAGGLE_SYNC, &log, &error));
    walk at = {.model = &of, .seq = 1};
    WG_FAILS_WITH(WAGGLE_CORRUPT, "00000001.wlog", wg_log_read(log, 1, compare, &at, &error));
    wg_log_close(log);
    sim_disk_destroy(disk);
}

// A batch over several files of which the last never came: its beginning is cut off from all of them.
WG_TEST(a_batch_over_several_files_is_whole_or_gone)
{
    static uint8_t data[RECORDS_MAX][9000];
    waggle_error error = {0};
    uint64_t whole = 0;
    uint64_t gone = 0;
    for (uint64_t seed = 1; seed <= test_rounds(100, 20000); seed++) {
        static model of;
        test_random random = {seed};
        static one slot;
        wg_log *log = NULL;
        wg_vfs *disk = new_disk(seed);
        of = (model){.promises = true};
        WG_OK(open_log(disk, NULL, WAGGLE_SYNC, &log, &error));
        work(log, &of, &random, 1 + (uint32_t)test_below(&random, 5));
        uint64_t before = wg_log_state_get(log).last;
        slot = (one){.model = &of};
        for (uint32_t i = 0; i < RECORDS_MAX; i++) {
            slot.pieces[i] = (wg_piece){data[i], sizeof(data[i])};
        }
        slot.append = (wg_append){
            .count = RECORDS_MAX, .records = slot.pieces, .done = one_done, .context = &slot};
        sim_disk_stop_at(disk, sim_disk_calls(disk) + 1 + test_below(&random, 40));
        WG_OK(wg_log_append(log, &slot.append, &error));
        waggle_status status = wg_log_flush(log, slot.append.seq, &error);
        sim_disk_crash(disk, seed);
        wg_log_close(log);
        WG_OK(open_log(disk, NULL, WAGGLE_SYNC, &log, &error));
        uint64_t last = wg_log_state_get(log).last;
        WG_CHECK(last == before + RECORDS_MAX || (last == before && status != WAGGLE_OK));
        whole += last != before;
        gone += last == before;
        work(log, &of, &random, 10);
        wg_log_close(log);
        WG_OK(open_log(disk, NULL, WAGGLE_SYNC, &log, &error));
        WG_CHECK(wg_log_state_get(log).last > last);
        wg_log_close(log);
        sim_disk_destroy(disk);
    }
    WG_CHECK(whole > 10 && gone > 10);
}

// ---- Calls and allocations that fail.

// The same work each time, on a disk or a heap that fails. false = nothing was made to fail.
static bool failing_work(wg_vfs *disk, wg_heap *heap, model *of, uint64_t (*failed)(const void *),
                         const void *context)
{
    waggle_error error = {0};
    wg_log *log = NULL;
    test_random random = {11};
    *of = (model){.promises = true};
    waggle_status status = open_log(disk, heap, WAGGLE_SYNC, &log, &error);
    if (status == WAGGLE_OK) {
        work(log, of, &random, 12);
    } else {
        WG_CHECK(failed(context) > 0);
        WG_CHECK(error.message[0] != '\0' && status != WAGGLE_CORRUPT);
    }
    wg_log_close(log);
    return failed(context) > 0;
}

static uint64_t disk_failed(const void *context)
{
    return sim_disk_failed(context);
}

static uint64_t heap_failed(const void *context)
{
    return ((const test_heap *)context)->failed;
}

static void check_after(wg_vfs *disk, model *of)
{
    waggle_error error = {0};
    wg_log *log = NULL;
    WG_OK(open_log(disk, NULL, WAGGLE_SYNC, &log, &error));
    check_contents(log, of);
    wg_log_close(log);
}

WG_TEST(every_call_of_the_disk_can_fail)
{
    static const waggle_status statuses[] = {WAGGLE_IO, WAGGLE_DISK_FULL};
    static model of;
    for (uint32_t variant = 0; variant < 8; variant++) {
        bool persistent = (variant & 1) != 0;
        bool crash = (variant & 2) != 0;
        bool more = true;
        for (uint64_t n = 1; more; n++) {
            wg_vfs *disk = new_disk(n);
            sim_disk_fail(disk, SIM_ANY, n, statuses[variant >> 2], persistent, variant % 3 == 0);
            more = failing_work(disk, NULL, &of, disk_failed, disk);
            sim_disk_fail(disk, SIM_ANY, 0, WAGGLE_IO, false, false);
            if (crash) sim_disk_crash(disk, n);
            check_after(disk, &of);
            sim_disk_destroy(disk);
        }
    }
}

WG_TEST(every_allocation_can_fail)
{
    static model of;
    for (int persistent = 0; persistent < 2; persistent++) {
        bool more = true;
        for (uint64_t n = 1; more; n++) {
            test_heap heap;
            wg_vfs *disk = new_disk(n);
            test_heap_init(&heap);
            heap.fail_at = n;
            heap.persistent = persistent != 0;
            more = failing_work(disk, &heap.heap, &of, heap_failed, &heap);
            WG_CHECK_U64(heap.live, 0);
            check_after(disk, &of);
            sim_disk_destroy(disk);
        }
    }
}
