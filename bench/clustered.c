#include "clustered.h"

#include "base/hash.h"
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// What a stream is for; part of its name.
enum purpose {
    OF_CENTERS = 1,
    OF_MAP,
    OF_ROWS,
    OF_QUERIES
};

struct bench_clustered {
    uint32_t dim;
    uint64_t seed;
    float *centers;                // BENCH_CLUSTERS rows of dim
    double shares[BENCH_CLUSTERS]; // cumulative: cluster c has those in shares[c - 1] .. shares[c]
};

// ---- Random numbers --------------------------------------------------------------------------------

// The state of the stream of one row; streams are splitmix64 sequences that begin at hashed places.
static uint64_t stream_of(uint64_t seed, enum purpose purpose, uint64_t number)
{
    uint64_t state = seed ^ ((uint64_t)purpose << 56);
    uint64_t place = bench_random_u64(&state) + number;
    return bench_random_u64(&place);
}

// Normal, to within what no distance could notice: 64 fair bits are counted (a binomial of variance 16), and the difference
// of two uniform numbers joins its steps by straight lines (variance 1/6). The excess kurtosis is -0.03. Exact but
// for the last multiplication.
static float normal(uint64_t *state)
{
    uint64_t bits = bench_random_u64(state);
    uint64_t uniform = bench_random_u64(state);
    int64_t count = __builtin_popcountll(bits) - 32;
    int64_t between = (int64_t)(uniform >> 32) - (int64_t)(uniform & UINT32_MAX);
    double value = (double)(count * ((int64_t)1 << 32) + between);
    return (float)(value * 0x1p-32 * 0.24870800168690346); // 1 / sqrt(16 + 1/6)
}

// ---- Centers ---------------------------------------------------------------------------------------

static double dot(const double *a, const double *b, uint32_t dim)
{
    double sum = 0;
    for (uint32_t i = 0; i < dim; i++)
        sum += a[i] * b[i];
    return sum;
}

// count orthonormal vectors of dim components: normal ones, each made orthogonal to those before (twice: once leaves the
// rounding errors of long sums) and divided by its length.
static double *map_create(uint32_t dim, uint32_t count, uint64_t seed)
{
    double *map = malloc((size_t)dim * count * sizeof *map);
    if (map == NULL) bench_fail("memory for a map");
    for (uint32_t i = 0; i < count; i++) {
        double *column = map + (size_t)i * dim;
        uint64_t state = stream_of(seed, OF_MAP, i);
        for (uint32_t j = 0; j < dim; j++)
            column[j] = (double)normal(&state);
        for (uint32_t other = 0; other < 2 * i; other++) {
            const double *before = map + (size_t)(other % i) * dim;
            double along = dot(column, before, dim);
            for (uint32_t j = 0; j < dim; j++)
                column[j] -= along * before[j];
        }
        double scale = 1 / sqrt(dot(column, column, dim));
        for (uint32_t j = 0; j < dim; j++)
            column[j] *= scale;
    }
    return map;
}

static void centers_make(bench_clustered *mixture, const double *map, uint32_t intrinsic)
{
    double *sum = malloc(mixture->dim * sizeof *sum);
    if (sum == NULL) bench_fail("memory for a center");
    for (uint32_t c = 0; c < BENCH_CLUSTERS; c++) {
        uint64_t state = stream_of(mixture->seed, OF_CENTERS, c);
        memset(sum, 0, mixture->dim * sizeof *sum);
        for (uint32_t i = 0; i < intrinsic; i++) {
            double along = (double)normal(&state);
            for (uint32_t j = 0; j < mixture->dim; j++)
                sum[j] += along * map[(size_t)i * mixture->dim + j];
        }
        for (uint32_t j = 0; j < mixture->dim; j++)
            mixture->centers[(size_t)c * mixture->dim + j] = (float)sum[j];
    }
    free(sum);
}

bench_clustered *bench_clustered_create(uint32_t dim, uint32_t intrinsic, uint64_t seed)
{
    bench_clustered *mixture = calloc(1, sizeof *mixture);
    if (mixture == NULL) bench_fail("memory for a mixture");
    mixture->dim = dim;
    mixture->seed = seed;
    mixture->centers = malloc((size_t)BENCH_CLUSTERS * dim * sizeof *mixture->centers);
    if (mixture->centers == NULL) bench_fail("memory for centers");
    double *map = map_create(dim, intrinsic, seed);
    centers_make(mixture, map, intrinsic);
    free(map);
    double total = 0;
    for (uint32_t c = 0; c < BENCH_CLUSTERS; c++)
        mixture->shares[c] = total += 1 / (double)(c + 1);
    return mixture;
}

void bench_clustered_destroy(bench_clustered *mixture)
{
    if (mixture == NULL) return;
    free(mixture->centers);
    free(mixture);
}

// ---- Rows ------------------------------------------------------------------------------------------

// By Zipf's law with exponent 1: the first whose cumulative share exceeds a uniform number.
static uint32_t cluster_draw(const bench_clustered *mixture, uint64_t *state)
{
    double at = bench_random(state) * mixture->shares[BENCH_CLUSTERS - 1];
    uint32_t low = 0, high = BENCH_CLUSTERS - 1;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (at < mixture->shares[middle])
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static void rows_make(const bench_clustered *mixture, enum purpose purpose, uint64_t first,
                      uint64_t count, float *rows)
{
    for (uint64_t row = 0; row < count; row++, rows += mixture->dim) {
        uint64_t state = stream_of(mixture->seed, purpose, first + row);
        const float *center =
            mixture->centers + (size_t)cluster_draw(mixture, &state) * mixture->dim;
        for (uint32_t j = 0; j < mixture->dim; j++)
            rows[j] = center[j] + BENCH_CLUSTER_NOISE * normal(&state);
    }
}

void bench_clustered_rows(const bench_clustered *mixture, uint64_t first, uint64_t count,
                          float *rows)
{
    rows_make(mixture, OF_ROWS, first, count, rows);
}

void bench_clustered_queries(const bench_clustered *mixture, uint64_t first, uint64_t count,
                             float *queries)
{
    rows_make(mixture, OF_QUERIES, first, count, queries);
}

uint32_t bench_clustered_of(const bench_clustered *mixture, uint64_t row)
{
    uint64_t state = stream_of(mixture->seed, OF_ROWS, row);
    return cluster_draw(mixture, &state);
}

void bench_sha256(const void *data, uint64_t size, char text[BENCH_SHA_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t digest[WG_SHA256_SIZE];
    wg_sha256 *sha = wg_sha256_create();
    if (sha == NULL) bench_fail("memory for a checksum");
    wg_sha256_add(sha, data, size);
    wg_sha256_digest(sha, digest);
    wg_sha256_destroy(sha);
    for (uint32_t i = 0; i < WG_SHA256_SIZE; i++) {
        text[2 * i] = digits[digest[i] >> 4];
        text[2 * i + 1] = digits[digest[i] & 15];
    }
    text[2 * WG_SHA256_SIZE] = 0;
}
