// Runs a fuzz target without a fuzzer: over every file of a corpus folder, and over mutations of them that
// depend on nothing but the seed. In ordinary builds each *_fuzz.c is linked with this file and is a test.
//
//   usage: <target> CORPUS_FOLDER        WAGGLE_SEED chooses other mutations, WAGGLE_TIER=nightly more
//
// The inputs run in a child, so that after a crash the parent can say which input it was and keep it.

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_SIZE_MAX (1u << 20)
#define SEEDS_MAX 4096u
#define MUTATIONS 3000u
#define MUTATIONS_NIGHTLY 100000u

typedef struct fuzz_input {
    uint8_t *data;
    size_t size;
} fuzz_input;

// The corpus. Seed 0 is the empty input, so a target without a corpus is run, too.
typedef struct fuzz_corpus {
    fuzz_input seeds[SEEDS_MAX];
    uint32_t count;
} fuzz_corpus;

static uint64_t next(uint64_t *state) // splitmix64
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static void *memory(size_t size)
{
    void *data = malloc(size > 0 ? size : 1);
    if (data == NULL) {
        fprintf(stderr, "out of memory: %zu bytes\n", size);
        exit(2);
    }
    return data;
}

static bool seed_read(fuzz_corpus *corpus, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) return errno == EISDIR;
    uint8_t *data = memory(INPUT_SIZE_MAX);
    size_t size = fread(data, 1, INPUT_SIZE_MAX, file);
    bool good = !ferror(file) || errno == EISDIR;
    fclose(file);
    corpus->seeds[corpus->count++] = (fuzz_input){data, size};
    return good;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static bool corpus_read(fuzz_corpus *corpus, const char *folder)
{
    struct dirent **entries = NULL;
    corpus->seeds[corpus->count++] = (fuzz_input){memory(0), 0};
    int count = scandir(folder, &entries, NULL, by_name);
    bool good = count >= 0 || errno == ENOENT;
    for (int i = 0; i < count; i++) {
        char path[4096];
        snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.' && corpus->count < SEEDS_MAX) {
            good = seed_read(corpus, path) && good;
        }
        free(entries[i]);
    }
    free(entries);
    if (!good) fprintf(stderr, "%s: %s\n", folder, strerror(errno));
    return good;
}

// One change: a bit, a byte, an interesting number, a piece removed, doubled, or taken from another seed.
static size_t mutate_once(uint8_t *data, size_t size, const fuzz_corpus *corpus, uint64_t *random)
{
    static const uint8_t bytes[] = {0x00, 0xff, 0x7f, 0x80, '"', '{',
                                    '[',  ',',  '\n', '-',  'e', '9'};
    size_t at = size > 0 ? next(random) % size : 0;
    size_t length = size > at ? next(random) % (size - at) % 64 + 1 : 0;
    const fuzz_input *other = &corpus->seeds[next(random) % corpus->count];

    switch (size == 0 ? 6 : next(random) % 7) {
    case 0: data[at] ^= (uint8_t)(1u << (next(random) % 8)); return size;
    case 1: data[at] = (uint8_t)next(random); return size;
    case 2: data[at] = bytes[next(random) % sizeof(bytes)]; return size;
    case 3: // an extreme little-endian number
        for (size_t i = at; i < size && i < at + 4; i++) {
            data[i] = next(random) % 2 ? 0xff : 0x00;
        }
        return size;
    case 4: return at; // cut off
    case 5:            // remove
        memmove(data + at, data + at + length, size - at - length);
        return size - length;
    default: // insert from another seed, or a few random bytes
        length = other->size > 0 ? next(random) % other->size % 256 + 1 : next(random) % 16 + 1;
        if (size + length > INPUT_SIZE_MAX) return size;
        memmove(data + at + length, data + at, size - at);
        for (size_t i = 0; i < length; i++) {
            data[at + i] = other->size > 0 ? other->data[i] : (uint8_t)next(random);
        }
        return size + length;
    }
}

// Input number n: the seeds first, then mutations. The result is the caller's.
static fuzz_input input_make(const fuzz_corpus *corpus, uint64_t seed, uint64_t n)
{
    uint64_t random = seed ^ (n * 0xD1342543DE82EF95u);
    const fuzz_input *from = &corpus->seeds[n < corpus->count ? n : next(&random) % corpus->count];
    uint8_t *data = memory(INPUT_SIZE_MAX);
    size_t size = from->size;
    memcpy(data, from->data, size);
    if (n >= corpus->count) {
        for (uint64_t changes = next(&random) % 8 + 1; changes > 0; changes--) {
            size = mutate_once(data, size, corpus, &random);
        }
    }
    // An exact block, so that the address sanitizer sees a read of one byte too many.
    uint8_t *exact = memory(size);
    memcpy(exact, data, size);
    free(data);
    return (fuzz_input){exact, size};
}

static void crash_report(const fuzz_corpus *corpus, uint64_t seed, uint64_t n)
{
    char path[] = "/tmp/waggle-replay-XXXXXX";
    fuzz_input input = input_make(corpus, seed, n);
    int file = mkstemp(path);
    if (file >= 0 && write(file, input.data, input.size) != (ssize_t)input.size) perror(path);
    if (file >= 0) close(file);
    printf("input %llu of seed %llu ended the process; its %zu bytes are in %s\n",
           (unsigned long long)n, (unsigned long long)seed, input.size, path);
    free(input.data);
}

static void corpus_free(fuzz_corpus *corpus)
{
    for (uint32_t i = 0; i < corpus->count; i++) {
        free(corpus->seeds[i].data);
    }
}

// Runs all inputs in a child. *reached, in memory that both share, is the input that it is at.
static bool replay(fuzz_corpus *corpus, uint64_t seed, uint64_t total, uint64_t *reached)
{
    pid_t child = fork();
    if (child == 0) {
        for (uint64_t n = 0; n < total; n++) {
            fuzz_input input = input_make(corpus, seed, n);
            *reached = n;
            LLVMFuzzerTestOneInput(input.data, input.size);
            free(input.data);
        }
        corpus_free(corpus);
        *reached = total;
        exit(0); // and not _exit: the leak check runs at exit
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) {
        perror("fork");
        return false;
    }
    bool clean = WIFEXITED(status) && WEXITSTATUS(status) == 0 && *reached == total;
    if (!clean && *reached < total) crash_report(corpus, seed, *reached);
    if (!clean && *reached == total) printf("the target failed at its end: a leak?\n");
    return clean;
}

int main(int count, char **arguments)
{
    static fuzz_corpus corpus;
    const char *seed_text = getenv("WAGGLE_SEED");
    const char *tier = getenv("WAGGLE_TIER");
    uint64_t seed = seed_text != NULL ? strtoull(seed_text, NULL, 10) : 1;
    bool commit = tier == NULL || strcmp(tier, "commit") == 0;

    if (count != 2) {
        fprintf(stderr, "usage: %s CORPUS_FOLDER\n", arguments[0]);
        return 2;
    }
    uint64_t *reached =
        mmap(NULL, sizeof(*reached), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (reached == MAP_FAILED) {
        perror("mmap");
        return 2;
    }
    bool good = corpus_read(&corpus, arguments[1]);
    uint64_t total = corpus.count + (commit ? MUTATIONS : MUTATIONS_NIGHTLY);
    good = replay(&corpus, seed, total, reached) && good;

    // One test: the corpus with its mutations.
    printf("%llu inputs, %u of them from the corpus\n", (unsigned long long)*reached,
           corpus.count - 1);
    printf("%d passed, %d failed, 0 skipped\n", good ? 1 : 0, good ? 0 : 1);
    corpus_free(&corpus);
    return good ? 0 : 1;
}
