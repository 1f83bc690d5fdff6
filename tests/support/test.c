#include "support/test.h"

#include "base/system.h"
#include "base/thread.h"

#include <ftw.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#define TESTS_MAX 1024u
#define FOLDERS_MAX 4096u
#define FILES_OPEN_IN_WALK 16

// ---- Running ------------------------------------------------------------------------------------

static struct CMUnitTest tests[TESTS_MAX];
static size_t test_count;
static size_t passed_count;

// The test that runs, and the seed it took. A test that fails leaves by longjmp, so that it did is seen
// when the next one begins.
static const char *running;
static bool seed_taken;
static uint64_t seed_value;

void test_register(const char *name, CMUnitTestFunction run)
{
    WG_ASSERT(test_count < TESTS_MAX);
    tests[test_count++] = (struct CMUnitTest){.name = name, .test_func = run};
}

static void report_unfinished(void)
{
    if (running != NULL && seed_taken)
        print_message("seed of %s: WAGGLE_SEED=%" PRIu64 "\n", running, seed_value);
    running = NULL;
    seed_taken = false;
}

static void run_counted(void **state)
{
    const struct CMUnitTest *test = *state;
    void *none = NULL;
    report_unfinished();
    running = test->name;
    test->test_func(&none);
    running = NULL;
    passed_count++;
}

// Usage: a_test [part of a name]. The last line is "N passed, N failed, N skipped".
int main(int argc, char **argv)
{
    static struct CMUnitTest selected[TESTS_MAX];
    const char *program = strrchr(argv[0], '/');
    const char *filter = argc > 1 ? argv[1] : "";
    size_t count = 0;
    for (size_t i = 0; i < test_count; i++) {
        if (strstr(tests[i].name, filter) == NULL) continue;
        selected[count++] = (struct CMUnitTest){
            .name = tests[i].name, .test_func = run_counted, .initial_state = &tests[i]};
    }
    if (count == 0) {
        fprintf(stderr, "no test has \"%s\" in its name\n", filter);
        return 2;
    }
    // _cmocka_run_group_tests is what the macro calls for an array whose length it can see.
    int failed = _cmocka_run_group_tests(program == NULL ? argv[0] : program + 1, selected, count,
                                         NULL, NULL);
    report_unfinished();
    size_t skipped = count - passed_count - (size_t)failed;
    fflush(stderr);
    printf("%zu passed, %d failed, %zu skipped\n", passed_count, failed, skipped);
    fflush(stdout);
    return failed == 0 ? 0 : 1;
}

uint64_t test_rounds(uint64_t commit, uint64_t nightly)
{
    const char *tier = wg_environment("WAGGLE_TIER");
    bool longer = tier != NULL && (strcmp(tier, "nightly") == 0 || strcmp(tier, "release") == 0);
    return longer ? nightly : commit;
}

uint64_t test_rounds_long(uint64_t commit, uint64_t nightly)
{
    const char *text = wg_environment("WAGGLE_ROUNDS_DIVISOR");
    uint64_t divisor = text == NULL ? 1 : strtoull(text, NULL, 10);
    return test_rounds(commit, nightly) / WG_MAX(divisor, 1);
}

uint64_t test_seed(uint64_t fallback)
{
    const char *text = wg_environment("WAGGLE_SEED");
    seed_taken = true;
    seed_value = text == NULL ? fallback : strtoull(text, NULL, 0);
    return seed_value;
}

// ---- Random numbers -----------------------------------------------------------------------------

uint64_t test_next(test_random *random)
{
    uint64_t z = random->state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

// The high half of a product: unbiased enough for tests (by bound / 2^64), and never slow.
uint64_t test_below(test_random *random, uint64_t bound)
{
    WG_ASSERT(bound > 0);
    __extension__ typedef unsigned __int128 wide;
    return (uint64_t)((wide)test_next(random) * bound >> 64);
}

// Box and Muller; u is in (0, 1], so that its logarithm exists.
float test_normal(test_random *random)
{
    double u = ((double)(test_next(random) >> 11) + 1) * 0x1p-53;
    double v = (double)(test_next(random) >> 11) * 0x1p-53;
    return (float)(sqrt(-2 * log(u)) * cos(6.283185307179586 * v));
}

// ---- Folders ------------------------------------------------------------------------------------

static char *folders[FOLDERS_MAX];
static size_t folder_count;

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info;
    (void)type;
    (void)walk;
    remove(path); // what a test made undeletable stays
    return 0;
}

static void remove_folders(void)
{
    for (size_t i = 0; i < folder_count; i++) {
        nftw(folders[i], remove_entry, FILES_OPEN_IN_WALK, FTW_DEPTH | FTW_PHYS);
        free(folders[i]);
    }
    folder_count = 0;
}

// A test may fork: the child's end must not remove what the parent still uses.
static void remove_folders_of_owner(void)
{
    static uint64_t owner;
    if (owner == 0)
        owner = wg_process_id();
    else if (owner == wg_process_id())
        remove_folders();
}

void test_folder(char *path, size_t capacity)
{
    WG_ASSERT(folder_count < FOLDERS_MAX);
    if (folder_count == 0) {
        remove_folders_of_owner(); // the first call names the owner
        atexit(remove_folders_of_owner);
    }
    const char *parent = wg_environment("TMPDIR");
    int length = snprintf(path, capacity, "%s/waggle-test-XXXXXX", parent ? parent : "/tmp");
    WG_ASSERT(length > 0 && (size_t)length < capacity);
    if (mkdtemp(path) == NULL) fail_msg("cannot make the folder %s", path);
    folders[folder_count] = strdup(path);
    WG_ASSERT(folders[folder_count] != NULL);
    folder_count++;
}

// ---- Memory that can fail -----------------------------------------------------------------------

static pthread_mutex_t heap_guard =
    PTHREAD_MUTEX_INITIALIZER; // guards the counters of all test heaps

static void *heap_allocate(void *context, size_t size)
{
    test_heap *heap = context;
    pthread_mutex_lock(&heap_guard);
    uint64_t call = ++heap->calls;
    bool fails =
        heap->fail_at != 0 && (heap->persistent ? call >= heap->fail_at : call == heap->fail_at);
    if (fails)
        heap->failed++;
    else
        heap->live++;
    pthread_mutex_unlock(&heap_guard);
    if (fails) return NULL;
    void *memory = malloc(size);
    WG_ASSERT(memory != NULL);
    return memory;
}

static void heap_release(void *context, void *memory, size_t size)
{
    (void)size;
    test_heap *heap = context;
    pthread_mutex_lock(&heap_guard);
    heap->live--;
    pthread_mutex_unlock(&heap_guard);
    free(memory);
}

void test_heap_init(test_heap *heap)
{
    *heap = (test_heap){0};
    wg_heap_init(&heap->heap, 0);
    heap->heap.source = (wg_memory_source){heap_allocate, heap_release, heap};
}
