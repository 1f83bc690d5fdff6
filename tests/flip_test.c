// Every bit of a closed database counts: one that flips on the disk is reported when the database is opened, read,
// searched or verified, or it changes nothing that can be read. It never becomes a plausible answer.
#include "support/scenario.h"

typedef struct counts {
    uint64_t opening;
    uint64_t reading;
    uint64_t verifying;
    uint64_t harmless;
} counts;

static bool reported(waggle_status status)
{
    return status == WAGGLE_CORRUPT || status == WAGGLE_FORMAT_VERSION ||
           status == WAGGLE_NOT_A_DATABASE;
}

// Keeps the last finding.
static void found(void *context, const char *file, const char *finding)
{
    snprintf(context, 256, "%s: %s", file, finding);
}

// A database on a disk with one flipped bit, of which `truth` was closed.
static void flipped_check(wg_vfs *disk, const scenario_state *truth, const char *where, counts *c)
{
    scenario s;
    scenario_state state;
    waggle_error error;
    waggle_verify_report report;
    char finding[256] = "";
    scenario_init(&s, disk, NULL, NULL);
    waggle_status status = scenario_open(&s, &error);
    if (status != WAGGLE_OK) {
        if (!reported(status))
            fail_msg("%s: opening: %s: %s", where, waggle_status_name(status), error.message);
        c->opening++;
        scenario_finish(&s);
        return;
    }
    waggle_status read = scenario_read(s.database, &state, &error);
    if (read != WAGGLE_OK && !reported(read))
        fail_msg("%s: reading: %s: %s", where, waggle_status_name(read), error.message);
    if (read == WAGGLE_OK && memcmp(&state, truth, sizeof state) != 0)
        fail_msg("%s: what is read has changed", where);
    status = waggle_verify(s.database, found, finding, &report, &error);
    if (status != WAGGLE_OK && status != WAGGLE_CORRUPT)
        fail_msg("%s: verifying: %s: %s", where, waggle_status_name(status), error.message);
    WG_CHECK((status == WAGGLE_OK) == (report.findings == 0));
    if (read != WAGGLE_OK && status == WAGGLE_OK)
        fail_msg("%s: reading finds what verifying does not: %s", where, error.message);
    c->reading += read != WAGGLE_OK;
    c->verifying += read == WAGGLE_OK && status != WAGGLE_OK;
    c->harmless += read == WAGGLE_OK && status == WAGGLE_OK;
    scenario_finish(&s);
}

// There are files of every kind.
static uint64_t files_check(const wg_vfs *disk)
{
    static const char *const kinds[] = {"LOCK", "MANIFEST", ".wlog", ".wseg",
                                        ".del", ".pay",     ".codes"};
    static const uint32_t least[] = {1, 1, 1, 2, 1, 1, 2};
    uint64_t bits = 0;
    for (size_t k = 0; k < WG_COUNT(kinds); k++) {
        uint32_t count = 0;
        for (size_t i = 0; i < sim_disk_files(disk); i++) {
            uint64_t size = 0;
            count += strstr(sim_disk_file(disk, i, &size), kinds[k]) != NULL;
        }
        if (count < least[k]) fail_msg("%u files of the kind %s", count, kinds[k]);
    }
    for (size_t i = 0; i < sim_disk_files(disk); i++) {
        uint64_t size = 0;
        (void)sim_disk_file(disk, i, &size);
        bits += size * 8;
    }
    return bits;
}

static wg_vfs *closed_database(scenario_state *truth)
{
    scenario s;
    wg_vfs *disk = sim_disk_create(1);
    scenario_init(&s, disk, NULL, NULL);
    scenario_build(&s);
    *truth = s.states[0];
    scenario_finish(&s);
    return disk;
}

static void flip_check(wg_vfs *disk, const scenario_state *truth, size_t file, uint64_t bit,
                       counts *c)
{
    uint64_t size = 0;
    char where[128];
    const char *path = sim_disk_file(disk, file, &size);
    snprintf(where, sizeof where, "%s, bit %llu of %llu", path, (unsigned long long)bit,
             (unsigned long long)size * 8);
    wg_vfs *copy = sim_disk_copy(disk);
    sim_disk_flip(copy, path, bit);
    flipped_check(copy, truth, where, c);
    sim_disk_destroy(copy);
}

static void counts_print(const counts *c)
{
    print_message("found when opening %llu, reading %llu, verifying %llu; harmless %llu\n",
                  (unsigned long long)c->opening, (unsigned long long)c->reading,
                  (unsigned long long)c->verifying, (unsigned long long)c->harmless);
}

// Each file gets as many flips as the others: the small ones matter as much.
WG_TEST(a_flipped_bit_is_found_or_harmless)
{
    scenario_state truth;
    test_random random = {test_seed(77)};
    counts c = {0};
    wg_vfs *disk = closed_database(&truth);
    WG_CHECK(files_check(disk) > 0);
    uint64_t flips = test_rounds(1000, 100000);
    size_t files = sim_disk_files(disk);
    for (uint64_t i = 0; i < flips; i++) {
        uint64_t size = 0;
        (void)sim_disk_file(disk, i % files, &size);
        if (size > 0) flip_check(disk, &truth, i % files, test_below(&random, size * 8), &c);
    }
    counts_print(&c);
    WG_CHECK(c.opening > 0 && c.verifying > 0);
    sim_disk_destroy(disk);
}

// The bits that are in use are few in files that were allocated ahead: here, the first of each file.
WG_TEST(a_flipped_bit_in_a_header_is_found_or_harmless)
{
    scenario_state truth;
    counts c = {0};
    wg_vfs *disk = closed_database(&truth);
    uint64_t stride = test_rounds(13, 1);
    for (size_t i = 0; i < sim_disk_files(disk); i++) {
        uint64_t size = 0;
        (void)sim_disk_file(disk, i, &size);
        for (uint64_t bit = 0; bit < WG_MIN(size, 64u) * 8; bit += stride)
            flip_check(disk, &truth, i, bit, &c);
    }
    counts_print(&c);
    sim_disk_destroy(disk);
}

WG_TEST(a_database_without_a_flipped_bit_has_no_findings)
{
    scenario_state truth;
    counts c = {0};
    wg_vfs *disk = closed_database(&truth);
    flipped_check(disk, &truth, "untouched", &c);
    WG_CHECK_U64(c.harmless, 1);
    sim_disk_destroy(disk);
}
