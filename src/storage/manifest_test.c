// The manifest: edits as a whole or not at all, over crashes, flipped bits, failing calls and memory.
#include "base/bytes.h"
#include "base/hash.h"
#include "base/system.h"
#include "storage/manifest.h"
#include "support/sim_disk.h"

static const uint8_t uuid[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

static wg_vfs *new_disk(uint64_t seed)
{
    waggle_error error = {0};
    wg_vfs *disk = sim_disk_create(seed);
    WG_OK(wg_vfs_make_dir(disk, "/db", &error));
    WG_OK(wg_vfs_sync_dir(disk, "/", &error));
    return disk;
}

static wg_manifest *open_manifest(wg_vfs *disk)
{
    waggle_error error = {0};
    wg_manifest *manifest = NULL;
    WG_OK(wg_manifest_open(disk, NULL, "/db", true, false, uuid, &manifest, &error));
    return manifest;
}

static wg_change put_change(uint32_t id, const char *name)
{
    return (wg_change){.kind = WG_CHANGE_COLLECTION_PUT,
                       .collection = id,
                       .sequence = id,
                       .name = name,
                       .spec = "spec",
                       .spec_size = 4};
}

static wg_change part_change(wg_change_kind kind, uint32_t id, uint64_t file, uint64_t sequence)
{
    return (wg_change){
        .kind = kind,
        .collection = id,
        .part = {.file = file, .owner = id, .rows = 5, .sequence = sequence}
    };
}

static void commit(wg_manifest *manifest, const wg_change *changes, size_t count)
{
    waggle_error error = {0};
    WG_OK(wg_manifest_commit(manifest, changes, count, &error));
}

// All of the state as a hash.
static uint64_t digest(const wg_manifest *manifest)
{
    uint64_t sum = wg_hash(wg_manifest_uuid(manifest), 16) ^ wg_manifest_durable(manifest) ^
                   wg_manifest_catalog_applied(manifest) << 20;
    for (size_t i = 0; i < wg_manifest_collection_count(manifest); i++) {
        const wg_collection_entry *entry = wg_manifest_collection_at(manifest, i);
        WG_CHECK(wg_manifest_collection(manifest, entry->id) == entry);
        uint64_t parts = entry->part_count == 0
                             ? 0
                             : wg_hash(entry->parts, entry->part_count * sizeof(wg_part_entry));
        sum = wg_hash64(sum ^ entry->id) ^ wg_hash(entry->name, strlen(entry->name)) ^
              wg_hash(entry->spec, entry->spec_size) * 3 ^ parts * 5 ^
              wg_hash64(entry->created * 7 + entry->applied);
    }
    return sum;
}

WG_TEST(every_change_survives_reopening)
{
    waggle_error error = {0};
    wg_vfs *disk = new_disk(1);
    wg_manifest *manifest = open_manifest(disk);
    wg_change first[] = {
        put_change(1, "one"),
        put_change(2, "two"),
        put_change(3, "three"),
        part_change(WG_CHANGE_PART_ADD, 1, 10, 200),
        part_change(WG_CHANGE_PART_ADD, 1, 11, 100), // older: it comes first
        part_change(WG_CHANGE_PART_ADD, 2, 12, 50),
        {.kind = WG_CHANGE_APPLIED, .collection = 1, .sequence = 200},
        {.kind = WG_CHANGE_DURABLE,                         .sequence = 250               },
        {.kind = WG_CHANGE_CATALOG_APPLIED,                         .sequence = 3},
    };
    commit(manifest, first, WG_COUNT(first));
    wg_change side = part_change(WG_CHANGE_PART_SIDE, 1, 10, 0);
    side.part.deletes = 4;
    side.part.overlay = 6;
    wg_change second[] = {
        put_change(2, "renamed"),
        part_change(WG_CHANGE_PART_DROP, 2, 12, 0),
        {.kind = WG_CHANGE_COLLECTION_DROP, .collection = 3},
        side
    };
    second[0].sequence = 99;
    commit(manifest, second, WG_COUNT(second));
    for (int again = 0; again < 3; again++) {
        WG_CHECK_U64(wg_manifest_collection_count(manifest), 2);
        const wg_collection_entry *one = wg_manifest_collection(manifest, 1);
        WG_CHECK_TEXT(one->name, "one");
        WG_CHECK_U64(one->applied, 200);
        WG_CHECK_U64(one->part_count, 2);
        WG_CHECK_U64(one->parts[0].file, 11);
        WG_CHECK_U64(one->parts[1].deletes, 4);
        WG_CHECK_U64(one->parts[1].overlay, 6);
        WG_CHECK_U64(one->parts[1].rows, 5);
        const wg_collection_entry *two = wg_manifest_collection(manifest, 2);
        WG_CHECK_TEXT(two->name, "renamed");
        WG_CHECK_U64(two->created, 2); // not by the renaming
        WG_CHECK_U64(two->part_count, 0);
        WG_CHECK(wg_manifest_collection(manifest, 3) == NULL);
        WG_CHECK_U64(wg_manifest_collection_next(manifest), 4);
        WG_CHECK_U64(wg_manifest_durable(manifest), 250);
        WG_CHECK_U64(wg_manifest_catalog_applied(manifest), 3);
        WG_CHECK(memcmp(wg_manifest_uuid(manifest), uuid, 16) == 0);
        wg_manifest_close(manifest);
        if (again == 1) sim_disk_crash(disk, 3);
        WG_OK(wg_manifest_open(disk, NULL, "/db", false, again == 0, NULL, &manifest, &error));
    }
    WG_CHECK_U64(wg_manifest_file_next(manifest), 13);
    WG_CHECK_U64(wg_manifest_file_next(manifest), 14);
    wg_manifest_file_raise(manifest, 40);
    WG_CHECK_U64(wg_manifest_file_next(manifest), 41);
    wg_manifest_close(manifest);
    sim_disk_destroy(disk);
}

WG_TEST(a_manifest_that_is_not_there_is_said)
{
    waggle_error error = {0};
    wg_manifest *manifest = NULL;
    wg_vfs *disk = new_disk(1);
    WG_FAILS(WAGGLE_NOT_FOUND,
             wg_manifest_open(disk, NULL, "/db", false, false, uuid, &manifest, &error));
    WG_FAILS(WAGGLE_NOT_FOUND,
             wg_manifest_open(disk, NULL, "/db", true, true, uuid, &manifest, &error));
    sim_disk_destroy(disk);
}

// What contradicts the state changes nothing, in memory or on disk, whatever stood before it in the edit.
WG_TEST(an_edit_with_one_wrong_change_changes_nothing)
{
    waggle_error error = {0};
    wg_vfs *disk = new_disk(1);
    wg_manifest *manifest = open_manifest(disk);
    wg_change base[] = {put_change(1, "one"), part_change(WG_CHANGE_PART_ADD, 1, 1, 1)};
    commit(manifest, base, WG_COUNT(base));
    uint64_t before = digest(manifest);
    uint64_t size = wg_manifest_size(manifest);
    wg_change wrong[] = {
        part_change(WG_CHANGE_PART_ADD, 9, 2, 1),
        part_change(WG_CHANGE_PART_ADD, 1, 1, 1),
        part_change(WG_CHANGE_PART_DROP, 1, 7, 1),
        part_change(WG_CHANGE_PART_SIDE, 1, 7, 1),
        put_change(0, "zero"),
        put_change(5, ""),
        put_change(5, NULL),
        {.kind = WG_CHANGE_COLLECTION_DROP, .collection = 9},
    };
    for (size_t i = 0; i < WG_COUNT(wrong); i++) {
        wg_change edit[] = {
            put_change(4, "four"),
            part_change(WG_CHANGE_PART_ADD, 1, 3, 1),
            {.kind = WG_CHANGE_DURABLE,         .sequence = 77 },
            put_change(1, "other"),
            {.kind = WG_CHANGE_COLLECTION_DROP, .collection = 4},
            wrong[i]
        };
        WG_FAILS(WAGGLE_INVALID, wg_manifest_commit(manifest, edit, WG_COUNT(edit), &error));
        WG_CHECK_U64(digest(manifest), before);
        WG_CHECK_U64(wg_manifest_collection_next(manifest), 2);
    }
    WG_CHECK_U64(wg_manifest_size(manifest), size);
    wg_manifest_close(manifest);
    sim_disk_destroy(disk);
}

WG_TEST(a_read_only_manifest_refuses_edits)
{
    waggle_error error = {0};
    wg_vfs *disk = new_disk(1);
    wg_manifest_close(open_manifest(disk));
    uint64_t calls = sim_disk_calls(disk);
    wg_manifest *manifest = NULL;
    WG_OK(wg_manifest_open(disk, NULL, "/db", false, true, NULL, &manifest, &error));
    wg_change put = put_change(1, "one");
    WG_FAILS(WAGGLE_READ_ONLY, wg_manifest_commit(manifest, &put, 1, &error));
    wg_manifest_close(manifest);
    WG_CHECK_U64(sim_disk_calls(disk), calls);
    sim_disk_destroy(disk);
}

WG_TEST(a_newer_format_is_refused_with_both_numbers)
{
    waggle_error error = {0};
    uint8_t header[64];
    wg_file *file = NULL;
    wg_manifest *manifest = NULL;
    wg_vfs *disk = new_disk(1);
    wg_manifest_close(open_manifest(disk));
    WG_OK(wg_file_open(disk, "/db/MANIFEST", WG_OPEN_WRITE, &file, &error));
    WG_OK(wg_file_read_all(file, 0, header, sizeof(header), &error));
    wg_put32(header + 8, 7);
    wg_put32(header + 60, wg_crc32c(0, header, 60));
    WG_OK(wg_file_write(file, 0, header, sizeof(header), &error));
    wg_file_close(file);
    WG_FAILS_WITH(WAGGLE_FORMAT_VERSION, "format 7 is newer than 1",
                  wg_manifest_open(disk, NULL, "/db", false, false, NULL, &manifest, &error));
    sim_disk_destroy(disk);
}

// A random edit: collections come, change and go.
static waggle_status random_commit(wg_manifest *manifest, test_random *random, waggle_error *error)
{
    char name[32];
    static uint8_t spec[300];
    uint32_t next = wg_manifest_collection_next(manifest);
    size_t count = wg_manifest_collection_count(manifest);
    snprintf(name, sizeof(name), "name %u", (unsigned)test_below(random, 1000));
    wg_change changes[4] = {
        put_change(next, name),
        part_change(WG_CHANGE_PART_ADD, next, wg_manifest_file_next(manifest),
                    test_below(random, 1000)),
        {.kind = WG_CHANGE_DURABLE, .sequence = test_below(random, 100000)}
    };
    size_t used = 3;
    changes[0].spec = spec;
    changes[0].spec_size = test_below(random, sizeof(spec));
    if (count > 3) {
        const wg_collection_entry *entry =
            wg_manifest_collection_at(manifest, test_below(random, count));
        changes[used].collection = entry->id;
        changes[used].sequence = test_below(random, 100000);
        changes[used++].kind =
            test_below(random, 2) == 0 ? WG_CHANGE_COLLECTION_DROP : WG_CHANGE_APPLIED;
    }
    return wg_manifest_commit(manifest, changes, used, error);
}

static uint64_t digest_of(wg_vfs *disk)
{
    waggle_error error = {0};
    wg_manifest *manifest = NULL;
    WG_OK(wg_manifest_open(disk, NULL, "/db", false, true, NULL, &manifest, &error));
    uint64_t sum = digest(manifest);
    wg_manifest_close(manifest);
    return sum;
}

// What the next random commit leads to, tried on a copy of the disk.
static uint64_t foresee(const wg_vfs *disk, test_random random)
{
    waggle_error error = {0};
    wg_vfs *copy = sim_disk_copy(disk);
    sim_disk_stop_at(copy, 0);
    wg_manifest *manifest = open_manifest(copy);
    WG_OK(random_commit(manifest, &random, &error));
    uint64_t sum = digest(manifest);
    wg_manifest_close(manifest);
    sim_disk_destroy(copy);
    return sum;
}

// After a crash the state is that of the last commit that succeeded, or of the one that was cut off.
WG_TEST(crashes_keep_whole_edits)
{
    test_random random = {test_seed(9)};
    uint64_t lives = test_rounds(5000, 500000);
    wg_vfs *disk = NULL;
    uint64_t state_now = 0;
    uint64_t state_next = 0;
    for (uint64_t life = 0; life < lives; life++) {
        waggle_error error = {0};
        wg_manifest *manifest = NULL;
        if (life % 20 == 0) {
            sim_disk_destroy(disk);
            disk = new_disk(test_next(&random));
            manifest = open_manifest(disk);
            state_now = state_next = digest(manifest);
            wg_manifest_close(manifest);
            manifest = NULL;
        }
        sim_disk_stop_at(disk, 1 + test_below(&random, 16));
        waggle_status status =
            wg_manifest_open(disk, NULL, "/db", true, false, uuid, &manifest, &error);
        WG_CHECK(status == WAGGLE_OK || status == WAGGLE_IO);
        if (status == WAGGLE_OK) {
            uint64_t found = digest(manifest);
            WG_CHECK(found == state_now || found == state_next);
            state_now = state_next = found;
        }
        while (status == WAGGLE_OK) {
            state_next = life % 5 == 0 ? foresee(disk, random) : 0; // 0: not looked at
            status = random_commit(manifest, &random, &error);
            if (status == WAGGLE_OK) state_now = state_next = digest(manifest);
        }
        wg_manifest_close(manifest);
        sim_disk_crash(disk, test_next(&random));
        uint64_t found = digest_of(disk);
        if (state_next != 0) WG_CHECK(found == state_now || found == state_next);
        if (found != state_now) state_now = state_next = found; // the one that was cut off
    }
    sim_disk_destroy(disk);
}

// An edit whose flush failed is found by whoever opens the manifest next, with or without a crash between. From
// then on it stays, though the system may take it for flushed without having written it.
WG_TEST(an_edit_that_is_found_after_a_failed_flush_survives_crashes)
{
    unsigned kept = 0;
    for (uint64_t seed = 0; seed < 40; seed++) {
        waggle_error error = {0};
        test_random random = {seed};
        wg_vfs *disk = new_disk(seed);
        sim_disk_failed_sync(disk, SIM_FAILED_SYNC_LOSES);
        wg_manifest *manifest = open_manifest(disk);
        WG_OK(random_commit(manifest, &random, &error));
        uint64_t before = digest(manifest);
        sim_disk_fail(disk, SIM_SYNC, 1, WAGGLE_IO, false, false);
        WG_FAILS(WAGGLE_IO, random_commit(manifest, &random, &error));
        wg_manifest_close(manifest);
        if (seed % 4 == 0) { // opening fails in the same way
            sim_disk_fail(disk, SIM_SYNC, 1, WAGGLE_IO, false, false);
            WG_FAILS(WAGGLE_IO,
                     wg_manifest_open(disk, NULL, "/db", true, false, uuid, &manifest, &error));
        }
        manifest = open_manifest(disk);
        uint64_t found = digest(manifest);
        kept += found != before;
        if (seed % 2 == 0) WG_OK(random_commit(manifest, &random, &error));
        uint64_t expected = digest(manifest);
        wg_manifest_close(manifest);
        sim_disk_crash(disk, seed);
        WG_CHECK_U64(digest_of(disk), expected);
        sim_disk_destroy(disk);
    }
    WG_CHECK_U64(kept, 40);
}

// A manifest of several edits, and the state after each.
static wg_vfs *edited_disk(uint64_t *states, uint32_t count)
{
    waggle_error error = {0};
    test_random random = {4};
    wg_vfs *disk = new_disk(1);
    wg_manifest *manifest = open_manifest(disk);
    for (uint32_t i = 0; i < count; i++) {
        WG_OK(random_commit(manifest, &random, &error));
        states[i] = digest(manifest);
    }
    wg_manifest_close(manifest);
    return disk;
}

WG_TEST(every_flipped_bit_is_found_or_harmless)
{
    uint64_t states[8];
    uint64_t size = 0;
    wg_vfs *disk = edited_disk(states, 8);
    WG_CHECK_U64(sim_disk_files(disk), 1);
    WG_CHECK_TEXT(sim_disk_file(disk, 0, &size), "/db/MANIFEST");
    uint64_t found = 0;
    for (uint64_t bit = 0; bit < size * 8; bit += test_rounds(3, 1)) {
        waggle_error error = {0};
        wg_manifest *manifest = NULL;
        wg_vfs *copy = sim_disk_copy(disk);
        sim_disk_flip(copy, "/db/MANIFEST", bit);
        waggle_status status =
            wg_manifest_open(copy, NULL, "/db", false, false, NULL, &manifest, &error);
        if (status == WAGGLE_OK) {
            WG_CHECK_U64(digest(manifest), states[7]);
        } else {
            WG_CHECK(status == WAGGLE_CORRUPT && strstr(error.message, "/db/MANIFEST") != NULL);
            found++;
        }
        wg_manifest_close(manifest);
        sim_disk_destroy(copy);
    }
    WG_CHECK(found > (size - 100) * 8 / test_rounds(3, 1));
    sim_disk_destroy(disk);
}

WG_TEST(a_manifest_cut_anywhere_is_a_prefix_or_damage)
{
    uint64_t states[8];
    uint64_t size = 0;
    wg_vfs *disk = edited_disk(states, 8);
    WG_CHECK_U64(sim_disk_files(disk), 1);
    (void)sim_disk_file(disk, 0, &size);
    for (uint64_t length = 0; length < size; length++) {
        waggle_error error = {0};
        wg_file *file = NULL;
        wg_manifest *manifest = NULL;
        wg_vfs *copy = sim_disk_copy(disk);
        WG_OK(wg_file_open(copy, "/db/MANIFEST", WG_OPEN_WRITE, &file, &error));
        WG_OK(wg_file_truncate(file, length, &error));
        wg_file_close(file);
        waggle_status status =
            wg_manifest_open(copy, NULL, "/db", true, false, uuid, &manifest, &error);
        WG_CHECK(status == WAGGLE_OK || status == WAGGLE_CORRUPT);
        WG_CHECK(status == WAGGLE_OK ||
                 length < 64 + 48); // header and first edit came with a rename
        bool known = status != WAGGLE_OK || wg_manifest_collection_count(manifest) == 0;
        for (uint32_t i = 0; i < 8 && !known; i++) {
            known = digest(manifest) == states[i];
        }
        WG_CHECK(known);
        wg_manifest_close(manifest);
        sim_disk_destroy(copy);
    }
    sim_disk_destroy(disk);
}

WG_TEST(a_large_manifest_is_rewritten)
{
    waggle_error error = {0};
    wg_vfs *disk = new_disk(1);
    wg_manifest *manifest = open_manifest(disk);
    static uint8_t spec[20000];
    uint64_t largest = 0;
    for (uint32_t i = 0; i < 200; i++) {
        wg_change put = put_change(1 + i % 3, "name");
        spec[0] = (uint8_t)i;
        put.spec = spec;
        put.spec_size = sizeof(spec);
        commit(manifest, &put, 1);
        largest = WG_MAX(largest, wg_manifest_size(manifest));
    }
    WG_CHECK(largest < (1u << 20) + 30000);
    WG_CHECK(wg_manifest_size(manifest) < largest);
    uint64_t before = digest(manifest);
    wg_manifest_close(manifest);
    sim_disk_crash(disk, 2);
    WG_CHECK_U64(digest_of(disk), before);
    WG_CHECK(!wg_vfs_exists(disk, "/db/MANIFEST.new"));
    WG_OK(wg_manifest_open(disk, NULL, "/db", false, false, NULL, &manifest, &error));
    WG_CHECK_U64(wg_manifest_collection_next(manifest), 4);
    wg_manifest_close(manifest);
    sim_disk_destroy(disk);
}

// The rewriting of a large manifest is cut off, or refused, at each of its calls.
WG_TEST(rewriting_can_stop_at_every_call)
{
    static uint8_t spec[200000];
    waggle_error error = {0};
    wg_vfs *disk = new_disk(1);
    wg_manifest *manifest = open_manifest(disk);
    wg_change put = put_change(1, "name");
    put.spec = spec;
    put.spec_size = sizeof(spec);
    while (wg_manifest_size(manifest) + 2 * sizeof(spec) < (1u << 20)) {
        commit(manifest, &put, 1);
    }
    wg_manifest_close(manifest);
    bool rewritten = false;
    for (uint64_t n = 1; !rewritten; n++) {
        for (int crash = 0; crash < 2; crash++) {
            wg_vfs *copy = sim_disk_copy(disk);
            manifest = open_manifest(copy);
            commit(manifest, &put, 1);
            if (crash) {
                sim_disk_stop_at(copy, n + sim_disk_calls(copy));
            } else {
                sim_disk_fail(copy, SIM_ANY, n, WAGGLE_DISK_FULL, true, true);
            }
            uint64_t durable = 0;
            for (uint64_t i = 1; i <= 3; i++) {
                wg_change changes[] = {
                    put, {.kind = WG_CHANGE_DURABLE, .sequence = i}
                };
                if (wg_manifest_commit(manifest, changes, 2, &error) == WAGGLE_OK) durable = i;
            }
            rewritten = durable == 3;
            WG_CHECK_U64(wg_manifest_durable(manifest), durable);
            wg_manifest_close(manifest);
            sim_disk_fail(copy, SIM_ANY, 0, WAGGLE_IO, false, false);
            sim_disk_crash(copy, n);
            manifest = open_manifest(copy);
            WG_CHECK(wg_manifest_durable(manifest) >= durable);
            WG_CHECK(wg_manifest_durable(manifest) <= durable + 1);
            WG_CHECK_U64(wg_manifest_collection_count(manifest), 1);
            wg_manifest_close(manifest);
            sim_disk_destroy(copy);
        }
    }
    sim_disk_destroy(disk);
}

WG_TEST(every_call_of_the_disk_can_fail)
{
    for (uint32_t variant = 0; variant < 8; variant++) {
        bool more = true;
        for (uint64_t n = 1; more; n++) {
            waggle_error error = {0};
            test_random random = {3};
            wg_manifest *manifest = NULL;
            wg_vfs *disk = new_disk(n);
            sim_disk_fail(disk, SIM_ANY, n, variant & 4 ? WAGGLE_DISK_FULL : WAGGLE_IO,
                          (variant & 1) != 0, n % 2 == 0);
            waggle_status status =
                wg_manifest_open(disk, NULL, "/db", true, false, uuid, &manifest, &error);
            uint64_t expected = 0;
            for (uint32_t i = 0; i < 6 && status == WAGGLE_OK; i++) {
                expected = digest(manifest);
                status = random_commit(manifest, &random, &error);
                WG_CHECK(status == WAGGLE_OK || digest(manifest) == expected);
                if (status == WAGGLE_OK) {
                    expected = digest(manifest);
                } else if (wg_manifest_failed(manifest)) {
                    WG_FAILS(WAGGLE_READ_ONLY, random_commit(manifest, &random, &error));
                } else { // nothing is left of the edit; it works again when there is room
                    WG_CHECK_U64(status, WAGGLE_DISK_FULL);
                    status = random_commit(manifest, &random, &error);
                    WG_CHECK(status == WAGGLE_OK ||
                             ((variant & 1) != 0 && status == WAGGLE_DISK_FULL));
                    expected = digest(manifest);
                }
            }
            more = sim_disk_failed(disk) > 0;
            bool known = manifest != NULL && !wg_manifest_failed(manifest);
            wg_manifest_close(manifest);
            sim_disk_fail(disk, SIM_ANY, 0, WAGGLE_IO, false, false);
            if (variant & 2) sim_disk_crash(disk, n);
            manifest = open_manifest(disk);
            if (known) WG_CHECK_U64(digest(manifest), expected);
            WG_OK(random_commit(manifest, &random, &error));
            wg_manifest_close(manifest);
            sim_disk_destroy(disk);
        }
    }
}

WG_TEST(every_allocation_can_fail)
{
    for (int persistent = 0; persistent < 2; persistent++) {
        bool more = true;
        for (uint64_t n = 1; more; n++) {
            waggle_error error = {0};
            test_random random = {3};
            test_heap heap;
            wg_manifest *manifest = NULL;
            wg_vfs *disk = new_disk(1);
            test_heap_init(&heap);
            heap.fail_at = n;
            heap.persistent = persistent != 0;
            uint64_t expected = 0;
            waggle_status status =
                wg_manifest_open(disk, &heap.heap, "/db", true, false, uuid, &manifest, &error);
            for (uint32_t i = 0; i < 24 && manifest != NULL; i++) {
                uint64_t before = digest(manifest);
                status = random_commit(manifest, &random, &error);
                WG_CHECK(status == WAGGLE_OK || status == WAGGLE_OUT_OF_MEMORY);
                if (status != WAGGLE_OK) WG_CHECK_U64(digest(manifest), before);
                expected = digest(manifest);
            }
            if (manifest == NULL) WG_CHECK_U64(status, WAGGLE_OUT_OF_MEMORY);
            bool opened = manifest != NULL;
            wg_manifest_close(manifest);
            WG_CHECK_U64(heap.live, 0);
            more = heap.failed > 0;
            if (opened) WG_CHECK_U64(digest_of(disk), expected);
            heap.calls = 0; // and while it is read
            heap.failed = 0;
            manifest = NULL;
            if (opened) {
                status = wg_manifest_open(disk, &heap.heap, "/db", false, false, NULL, &manifest,
                                          &error);
                WG_CHECK(status == (heap.failed > 0 ? WAGGLE_OUT_OF_MEMORY : WAGGLE_OK));
                more = more || heap.failed > 0;
            }
            wg_manifest_close(manifest);
            WG_CHECK_U64(heap.live, 0);
            sim_disk_destroy(disk);
        }
    }
}

WG_TEST(an_export_holds_the_collections_asked_for)
{
    waggle_error error = {0};
    wg_vfs *disk = new_disk(1);
    wg_manifest *manifest = open_manifest(disk);
    wg_manifest *copy = NULL;
    wg_change changes[] = {put_change(1, "one"), put_change(2, "two"), put_change(3, "three"),
                           part_change(WG_CHANGE_PART_ADD, 2, 9, 1)};
    commit(manifest, changes, WG_COUNT(changes));
    static const uint32_t some[] = {2, 3};
    static const uint32_t missing[] = {2, 8};
    WG_OK(wg_vfs_make_dir(disk, "/copy", &error));
    WG_FAILS_WITH(WAGGLE_NOT_FOUND, "collection 8",
                  wg_manifest_export(manifest, missing, 2, "/copy/MANIFEST", &error));
    WG_OK(wg_manifest_export(manifest, some, 2, "/copy/MANIFEST", &error));
    WG_FAILS(WAGGLE_EXISTS, wg_manifest_export(manifest, some, 2, "/copy/MANIFEST", &error));
    WG_OK(wg_manifest_open(disk, NULL, "/copy", false, false, NULL, &copy, &error));
    WG_CHECK_U64(wg_manifest_collection_count(copy), 2);
    WG_CHECK_U64(wg_manifest_collection(copy, 2)->parts[0].file, 9);
    WG_CHECK_U64(wg_manifest_collection_next(copy), 4);
    WG_CHECK(memcmp(wg_manifest_uuid(copy), uuid, 16) == 0);
    wg_manifest_close(copy);
    wg_manifest_close(manifest);
    sim_disk_destroy(disk);
}

WG_TEST(a_hundred_thousand_collections_open_quickly)
{
    waggle_error error = {0};
    char folder[WG_PATH_SIZE_MAX];
    wg_manifest *manifest = NULL;
    uint32_t total = (uint32_t)test_rounds(100000, 100000);
    test_folder(folder, sizeof(folder));
    WG_OK(wg_manifest_open(wg_vfs_posix(), NULL, folder, true, false, uuid, &manifest, &error));
    static wg_change changes[2000];
    static char names[1000][24];
    for (uint32_t first = 1; first <= total; first += 1000) {
        for (uint32_t i = 0; i < 1000; i++) {
            snprintf(names[i], sizeof(names[i]), "collection-%u", first + i);
            changes[2 * i] = put_change(first + i, names[i]);
            changes[2 * i + 1] = part_change(WG_CHANGE_PART_ADD, first + i, first + i, 1);
        }
        commit(manifest, changes, WG_COUNT(changes));
    }
    wg_manifest_close(manifest);
    wg_heap heap;
    wg_heap_init(&heap, 0);
    uint64_t begin = wg_now_ns();
    WG_OK(wg_manifest_open(wg_vfs_posix(), &heap, folder, false, false, uuid, &manifest, &error));
    uint64_t took_ms = (wg_now_ns() - begin) / 1000000;
    WG_CHECK_U64(wg_manifest_collection_count(manifest), total);
    print_message("%u collections: %u ms, %u bytes each\n", total, (unsigned)took_ms,
                  (unsigned)(wg_heap_used(&heap) / total));
    WG_CHECK(took_ms < 1000);
    WG_CHECK(wg_heap_used(&heap) / total < 400);
    wg_manifest_close(manifest);
}

WG_TEST(names_of_files_are_as_documented)
{
    char name[WG_FILE_NAME_SIZE];
    wg_part_entry part = {.file = 34, .owner = 12, .part = 2, .deletes = 5, .overlay = 6};
    wg_name_segment(name, &part);
    WG_CHECK_TEXT(name, "seg/12-34.wseg");
    wg_name_deletes(name, 12, &part);
    WG_CHECK_TEXT(name, "seg/12-34-p2-5.del");
    wg_name_overlay(name, 12, &part);
    WG_CHECK_TEXT(name, "seg/12-34-p2-6.pay");
}
