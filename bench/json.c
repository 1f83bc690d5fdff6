// How fast vectors are read from JSON: our reader beside jansson, on the same text, in one process.
//
//   usage: bench_json [VECTORS]          default 4000 vectors of 768 components
//
// Prints, for 9 and 17 significant digits, vectors per second of processor time of both (median of five interleaved rounds),
// and how many of our numbers differ from strtof's. Links wg_base and jansson.
#include "base/json.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DIM 768u
#define ROUNDS 5
#define NUMBER_SIZE_MAX 28u
#define SEED 7u

typedef struct workload {
    uint32_t count;
    size_t *begins; // of the vectors in text; one more than count
    char *text;
} workload;

static uint64_t next(uint64_t *state) // splitmix64
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

// Of this process: what others do on the machine counts less.
static double cpu_seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

static void *memory(size_t size)
{
    void *block = wg_alloc(NULL, WG_MEMORY_OTHER, size);
    if (block == NULL) {
        fprintf(stderr, "out of memory: %zu bytes\n", size);
        exit(1);
    }
    return block;
}

// Components are uniform in -0.1 .. 0.1; 9 digits are floats as our writer's peers print them, 17 doubles.
static workload workload_create(uint32_t count, int digits)
{
    uint64_t random = SEED;
    workload made = {count, memory((count + 1) * sizeof(size_t)),
                     memory((size_t)count * (DIM * NUMBER_SIZE_MAX + 2))};
    char *at = made.text;
    for (uint32_t i = 0; i < count; i++) {
        made.begins[i] = (size_t)(at - made.text);
        for (uint32_t j = 0; j < DIM; j++) {
            double value = ((double)(next(&random) >> 11) * 0x1p-53 - 0.5) * 0.2;
            if (digits == 9) value = (double)(float)value;
            at += snprintf(at, NUMBER_SIZE_MAX, "%c%.*g", j == 0 ? '[' : ',', digits, value);
        }
        *at++ = ']';
    }
    made.begins[count] = (size_t)(at - made.text);
    return made;
}

static double read_ours(const workload *work)
{
    static float values[DIM];
    double begin = cpu_seconds();
    for (uint32_t i = 0; i < work->count; i++) {
        wg_json_reader reader;
        wg_json_token token;
        uint32_t dim = DIM;
        waggle_error error;
        wg_json_reader_init(&reader, work->text + work->begins[i],
                            work->begins[i + 1] - work->begins[i]);
        bool read = wg_json_next(&reader, &token, &error) == WAGGLE_OK &&
                    wg_json_floats(&reader, values, &dim, &error) == WAGGLE_OK && dim == DIM;
        if (!read) exit(1);
    }
    return cpu_seconds() - begin;
}

static double read_jansson(const workload *work)
{
    float values[DIM];
    static volatile float sink; // or the values would not be taken out
    double begin = cpu_seconds();
    for (uint32_t i = 0; i < work->count; i++) {
        json_t *array = json_loadb(work->text + work->begins[i],
                                   work->begins[i + 1] - work->begins[i], 0, NULL);
        if (array == NULL || json_array_size(array) != DIM) exit(1);
        for (size_t j = 0; j < DIM; j++)
            values[j] = (float)json_number_value(json_array_get(array, j));
        sink = values[i % DIM];
        json_decref(array);
    }
    (void)sink;
    return cpu_seconds() - begin;
}

static uint64_t mismatches(const workload *work)
{
    uint64_t count = 0;
    const char *end = work->text + work->begins[work->count];
    for (const char *at = work->text; at < end;) {
        float ours, expected;
        char *stop;
        at++; // the bracket or comma
        expected = strtof(at, &stop);
        if (wg_float_parse(at, end, &ours) != stop || memcmp(&ours, &expected, sizeof ours) != 0)
            count++;
        at = stop + (*stop == ']' ? 1 : 0);
    }
    return count;
}

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double median(double *seconds)
{
    qsort(seconds, ROUNDS, sizeof *seconds, by_value);
    return seconds[ROUNDS / 2];
}

static void run(uint32_t count, int digits)
{
    workload work = workload_create(count, digits);
    double ours[ROUNDS], theirs[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        ours[i] = read_ours(&work);
        theirs[i] = read_jansson(&work);
    }
    double own = median(ours), other = median(theirs);
    printf("%2d digits: waggle %6.0f vectors/s (%4.0f MB/s), jansson %s %6.0f vectors/s, ratio "
           "%.1f, mismatches with strtof %llu of %llu\n",
           digits, count / own, (double)work.begins[count] / own * 1e-6, JANSSON_VERSION,
           count / other, other / own, (unsigned long long)mismatches(&work),
           (unsigned long long)count * DIM);
    wg_free(work.begins);
    wg_free(work.text);
}

int main(int count, char **arguments)
{
    long vectors = count > 1 ? strtol(arguments[1], NULL, 10) : 4000;
    if (vectors < 1 || vectors > 1000000) {
        fprintf(stderr, "usage: %s [VECTORS], from 1 to 1000000\n", arguments[0]);
        return 2;
    }
    run((uint32_t)vectors, 9);
    run((uint32_t)vectors, 17);
    return 0;
}
