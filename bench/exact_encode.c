// How fast rows of floats become codes, beside how fast they can be read: one thread, in memory, each kind in the frame that
// a part of a segment would have (1-bit codes are of rotated rows).
#include "base/memory.h"
#include "device/device.h"
#include "exact.h"

#include <string.h>

#define ROWS_AT_ONCE 1024u // as the engine does: codes go from the cache to a file

const char *const exact_code_names[EXACT_CODES] = {"int8", "4-bit", "1-bit"};
static const wg_code_kind kinds[EXACT_CODES] = {WG_CODE_I8, WG_CODE_I4, WG_CODE_B1};

typedef struct encoding {
    wg_device *device;
    wg_frame frames[EXACT_CODES];
    float *center;
    float *rows; // aligned
    size_t rows_size;
    uint8_t *codes; // of ROWS_AT_ONCE rows
    wg_code_figures *figures;
} encoding;

static void encoding_open(encoding *e, const bench_view *view)
{
    waggle_error error;
    double *sums = wg_alloc_zeroed(NULL, WG_MEMORY_OTHER, view->dim * sizeof *sums);
    size_t stride = wg_row_stride(WAGGLE_F32, view->dim);
    size_t codes_size = ROWS_AT_ONCE * wg_code_stride(WG_CODE_I8, view->dim);
    e->rows_size = view->count * stride;
    e->rows = wg_pages_alloc(NULL, WG_MEMORY_OTHER, e->rows_size);
    e->center = wg_alloc(NULL, WG_MEMORY_OTHER, view->dim * sizeof(float));
    e->codes = wg_pages_alloc(NULL, WG_MEMORY_OTHER, codes_size);
    e->figures = wg_alloc(NULL, WG_MEMORY_OTHER, ROWS_AT_ONCE * sizeof *e->figures);
    if (sums == NULL || e->rows == NULL || e->center == NULL || e->codes == NULL ||
        e->figures == NULL)
        bench_fail("memory for rows to encode");
    for (uint64_t r = 0; r < view->count; r++) {
        const float *row = (const float *)view->rows + r * view->dim;
        memcpy((uint8_t *)e->rows + r * stride, row, view->dim * sizeof(float));
        wg_center_add(sums, row, view->dim);
    }
    wg_center_finish(sums, view->count, view->dim, e->center);
    wg_free(sums);
    for (uint32_t i = 0; i < EXACT_CODES; i++)
        wg_frame_init(&e->frames[i], view->metric, e->center, view->dim, kinds[i] == WG_CODE_B1, 1);
    bench_check(wg_device_open("cpu", 1, &e->device, &error), &error, "the CPU");
}

static void encoding_close(encoding *e, const bench_view *view)
{
    wg_device_close(e->device);
    wg_pages_free(NULL, WG_MEMORY_OTHER, e->rows, e->rows_size);
    wg_pages_free(NULL, WG_MEMORY_OTHER, e->codes,
                  ROWS_AT_ONCE * wg_code_stride(WG_CODE_I8, view->dim));
    wg_free(e->figures);
    wg_free(e->center);
}

static double encode_once(const encoding *e, const bench_view *view, uint32_t kind)
{
    waggle_error error;
    size_t stride = wg_row_stride(WAGGLE_F32, view->dim);
    double begin = bench_seconds();
    for (uint64_t row = 0; row < view->count; row += ROWS_AT_ONCE) {
        wg_encode_job job = {.frame = &e->frames[kind],
                             .kind = kinds[kind],
                             .type = WAGGLE_F32,
                             .rows = (const uint8_t *)e->rows + row * stride,
                             .stride = stride,
                             .count = WG_MIN(view->count - row, (uint64_t)ROWS_AT_ONCE),
                             .codes = e->codes,
                             .figures = e->figures};
        bench_check(wg_device_encode(e->device, &job, &error), &error, "encode");
    }
    return bench_seconds() - begin;
}

void exact_encode(exact_run *run)
{
    const bench_view *view = &run->set->views[BENCH_FLOATS];
    encoding e = {0};
    wg_bandwidth buffer = {0};
    waggle_error error;
    encoding_open(&e, view);
    bench_check(wg_bandwidth_open(&buffer, e.rows_size, 1, &error), &error, "memory for the probe");
    for (uint32_t pair = 0; pair < run->results->pairs; pair++) {
        run->results->encode_bandwidth[pair] = exact_bandwidth(run, &buffer, 1);
        for (uint32_t kind = 0; kind < EXACT_CODES; kind++) {
            double best = 0, end = exact_burst_end(run);
            do {
                double rate = (double)e.rows_size / encode_once(&e, view, kind);
                best = rate > best ? rate : best;
            } while (bench_seconds() < end);
            run->results->encode[kind][pair] = best;
        }
    }
    wg_bandwidth_close(&buffer);
    encoding_close(&e, view);
}
