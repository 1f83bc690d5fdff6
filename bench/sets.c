#include "sets.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NPY_HEADER_MAX 1024u
#define BYTE_RANGE 5.0 // standard deviations that 127 stands for; beyond it values are clamped

typedef struct set_spec {
    const char *name;
    uint32_t dim;
    uint32_t intrinsic; // 0 = images
    uint64_t count;
    bool normalized;
} set_spec;

static const set_spec specs[BENCH_SETS] = {
    {"images",            768, 0,  50000,   false},
    {"images-normalized", 768, 0,  50000,   true },
    {"clustered-128",     128, 20, 1000000, false},
    {"clustered-768",     768, 24, 100000,  false},
};

const char *bench_set_name(uint32_t index)
{
    return specs[index].name;
}

size_t bench_view_size(const bench_view *view)
{
    return waggle_vector_size(view->type, view->dim) * view->count;
}

static void *memory(uint64_t count, size_t size)
{
    void *block = malloc(count * size);
    if (block == NULL) bench_fail("memory for a set");
    return block;
}

// ---- Images ----------------------------------------------------------------------------------------

// The first count rows of an npy file of unsigned bytes in C order; NULL if there is no such file. A file that is something
// else ends the program: it is not what is to be measured.
static uint8_t *npy_bytes(const char *path, uint32_t dim, uint64_t count)
{
    char header[NPY_HEADER_MAX + 1] = {0};
    uint8_t start[10];
    unsigned long long rows = 0, columns = 0;
    FILE *file = fopen(path, "rb");
    if (file == NULL && errno == ENOENT) return NULL;
    if (file == NULL || fread(start, 1, sizeof start, file) != sizeof start) bench_fail(path);
    size_t size = start[8] | (size_t)start[9] << 8;
    if (memcmp(start, "\x93NUMPY\x01", 7) != 0 || size > NPY_HEADER_MAX ||
        fread(header, 1, size, file) != size)
        bench_fail("an npy header");
    const char *shape = strstr(header, "'shape': (");
    if (shape == NULL || sscanf(shape, "'shape': (%llu, %llu)", &rows, &columns) != 2 ||
        strstr(header, "'|u1'") == NULL || strstr(header, "'fortran_order': False") == NULL ||
        columns != dim || rows < count) {
        fprintf(stderr, "%s: %s; it must be at least %llu rows of %u bytes\n", path, header,
                (unsigned long long)count, dim);
        exit(3);
    }
    uint8_t *bytes = memory(count, dim);
    if (fread(bytes, dim, count, file) != count) bench_fail(path);
    fclose(file);
    return bytes;
}

static float *floats_of(const uint8_t *bytes, uint64_t count)
{
    float *floats = memory(count, sizeof *floats);
    for (uint64_t i = 0; i < count; i++)
        floats[i] = (float)bytes[i];
    return floats;
}

static void center(float *rows, uint64_t count, uint32_t dim, const double *mean)
{
    for (uint64_t i = 0; i < count; i++, rows += dim) {
        double sum = 0;
        for (uint32_t j = 0; j < dim; j++) {
            double value = (double)rows[j] - mean[j];
            sum += value * value;
        }
        for (uint32_t j = 0; j < dim; j++)
            rows[j] = sum > 0 ? (float)(((double)rows[j] - mean[j]) / sqrt(sum)) : 0;
    }
}

// Both by the mean of the rows: queries are not known when rows are stored.
static void normalize(bench_view *view)
{
    float *rows = view->rows;
    double *mean = calloc(view->dim, sizeof *mean);
    if (mean == NULL) bench_fail("memory for a mean");
    for (uint64_t i = 0; i < view->count; i++)
        for (uint32_t j = 0; j < view->dim; j++)
            mean[j] += (double)rows[i * view->dim + j] / (double)view->count;
    center(rows, view->count, view->dim, mean);
    center(view->queries, view->query_count, view->dim, mean);
    view->metric = WAGGLE_COSINE;
    free(mean);
}

static bool images_make(const set_spec *spec, const char *folder, bench_set *set,
                        const char **reason)
{
    bench_view *floats = &set->views[BENCH_FLOATS];
    bench_view *bytes = &set->views[BENCH_BYTES];
    char path[4096];
    snprintf(path, sizeof path, "%s/images.npy", folder);
    bytes->rows = npy_bytes(path, spec->dim, bytes->count);
    snprintf(path, sizeof path, "%s/images-queries.npy", folder);
    bytes->queries = npy_bytes(path, spec->dim, bytes->query_count);
    if (bytes->rows == NULL || bytes->queries == NULL) {
        *reason = "images.npy or images-queries.npy is not there";
        return false;
    }
    floats->rows = floats_of(bytes->rows, bytes->count * spec->dim);
    floats->queries = floats_of(bytes->queries, bytes->query_count * spec->dim);
    bytes->type = WAGGLE_U8;
    if (!spec->normalized) return true;
    normalize(floats);
    free(bytes->rows);
    free(bytes->queries);
    *bytes = (bench_view){0};
    return true;
}

// ---- Clustered data --------------------------------------------------------------------------------

static int8_t *bytes_of(const float *floats, uint64_t count, double scale)
{
    int8_t *bytes = memory(count, 1);
    for (uint64_t i = 0; i < count; i++) {
        double value = nearbyint((double)floats[i] * scale);
        bytes[i] = (int8_t)fmax(-127, fmin(127, value));
    }
    return bytes;
}

static void clustered_make(const set_spec *spec, uint64_t seed, bench_set *set)
{
    bench_view *floats = &set->views[BENCH_FLOATS];
    bench_view *bytes = &set->views[BENCH_BYTES];
    bench_clustered *mixture = bench_clustered_create(spec->dim, spec->intrinsic, seed);
    // Of a component: the centers' variance is spread over all of them.
    double deviation =
        sqrt((double)spec->intrinsic / spec->dim + BENCH_CLUSTER_NOISE * BENCH_CLUSTER_NOISE);
    double scale = 127 / (BYTE_RANGE * deviation);
    floats->rows = memory(floats->count * spec->dim, sizeof(float));
    floats->queries = memory(floats->query_count * spec->dim, sizeof(float));
    bench_clustered_rows(mixture, 0, floats->count, floats->rows);
    bench_clustered_queries(mixture, 0, floats->query_count, floats->queries);
    bench_clustered_destroy(mixture);
    bytes->type = WAGGLE_I8;
    bytes->rows = bytes_of(floats->rows, floats->count * spec->dim, scale);
    bytes->queries = bytes_of(floats->queries, floats->query_count * spec->dim, scale);
}

// ---- All -------------------------------------------------------------------------------------------

bool bench_set_make(uint32_t index, const char *folder, uint64_t rows_max, uint64_t seed,
                    bench_set *set, const char **reason)
{
    const set_spec *spec = &specs[index];
    uint64_t count = rows_max != 0 && rows_max < spec->count ? rows_max : spec->count;
    *set = (bench_set){.name = spec->name};
    for (uint32_t form = 0; form < BENCH_FORMS; form++)
        set->views[form] = (bench_view){.metric = WAGGLE_L2,
                                        .dim = spec->dim,
                                        .count = count,
                                        .query_count = BENCH_SET_QUERIES};
    set->views[BENCH_FLOATS].type = WAGGLE_F32;
    if (spec->intrinsic != 0)
        clustered_make(spec, seed, set);
    else if (!images_make(spec, folder, set, reason)) {
        bench_set_finish(set);
        return false;
    }
    bench_sha256(set->views[BENCH_FLOATS].rows, bench_view_size(&set->views[BENCH_FLOATS]),
                 set->sha);
    return true;
}

void bench_set_finish(bench_set *set)
{
    for (uint32_t form = 0; form < BENCH_FORMS; form++) {
        free(set->views[form].rows);
        free(set->views[form].queries);
    }
    *set = (bench_set){0};
}
