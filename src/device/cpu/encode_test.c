// The encoders of every level against wg_code_encode(), bit for bit: that is what makes codes a format.
#include "device/cpu/encode.h"
#include "support/test.h"

#include <math.h>

enum {
    ROWS = 21, // more than a block of the encoders, and no multiple of one
    DIM_MAX = 2100,
    STRIDE_MAX = 8448,
    CODE_MAX = 2112
};

static const wg_code_kind kinds[] = {WG_CODE_I8, WG_CODE_I4, WG_CODE_B1};
static const waggle_type types[] = {WAGGLE_F32, WAGGLE_F16, WAGGLE_BF16};
static const waggle_metric metrics[] = {WAGGLE_L2, WAGGLE_COSINE, WAGGLE_DOT};
static const uint32_t dims[] = {1,   2,   3,   15,   16,   17,   31,   32,  33,
                                63,  64,  65,  100,  127,  128,  129,  255, 256,
                                300, 513, 768, 1000, 1024, 1100, 2047, 2100};

static _Alignas(64) uint8_t rows[ROWS * STRIDE_MAX];
static _Alignas(64) uint8_t codes[(ROWS + 1) * CODE_MAX], expected_codes[(ROWS + 1) * CODE_MAX];
static wg_code_figures figures[ROWS + 1], expected_figures[ROWS + 1];
static float center[DIM_MAX], widened[DIM_MAX], scratch[DIM_MAX];

// ---- Rows that encoders dislike ----------------------------------------------------------------

static float component(test_random *random, uint32_t row, uint32_t i)
{
    float normal = test_normal(random);

    switch (row % 12) {
    case 1: return 0.0f;
    case 2: return normal * 1e-40f;
    case 3: return normal * 1e30f;
    case 4: return normal * 0x1p56f;          // within the limit of norms
    case 5: return normal * 0x1p59f;          // about at it
    case 6: return i % 5 == 0 ? 42.5f : 0.0f; // after a few: at the center
    case 7: return i == 1 ? 1e4f : normal;    // one dominates, or is the only one
    case 8: return normal * 0x1p-60f;         // too small for an image, and not
    case 9: return normal * 0x1p-59f;
    case 10: return i % 2 == 0 ? -0.0f : -1.0f;
    case 11: return (float)((int32_t)test_below(random, 41) - 20) / 4.0f; // ties between levels
    default: return normal;
    }
}

static void put(waggle_type type, uint8_t *row, uint32_t i, float value)
{
    uint16_t half = type == WAGGLE_F16 ? wg_f32_to_f16(fmaxf(fminf(value, 65504.0f), -65504.0f))
                                       : wg_f32_to_bf16(value);
    if (type == WAGGLE_F32)
        memcpy(row + 4 * (size_t)i, &value, 4);
    else
        memcpy(row + 2 * (size_t)i, &half, 2);
}

static void fill(test_random *random, waggle_type type, uint32_t dim, bool centered)
{
    size_t stride = wg_row_stride(type, dim);

    memset(rows, 0, ROWS * stride);
    for (uint32_t i = 0; i < dim; i++) {
        center[i] = centered ? 0.25f * test_normal(random) : 0.0f;
        if (centered && i % 5 == 0) center[i] = 42.5f;
    }
    for (uint32_t r = 0; r < ROWS; r++) {
        for (uint32_t i = 0; i < dim; i++) {
            put(type, rows + r * stride, i, component(random, r, i));
        }
    }
}

// ---- One kind of code, of one field ------------------------------------------------------------

static void expect(const wg_frame *frame, wg_code_kind kind, waggle_type type)
{
    memset(expected_codes, 0x5a, sizeof(expected_codes));
    memset(expected_figures, 0x5a, sizeof(expected_figures));
    for (uint32_t r = 0; r < ROWS; r++) {
        wg_row_to_f32(type, rows + r * wg_row_stride(type, frame->dim), frame->dim, widened);
        wg_code_encode(frame, kind, widened, expected_codes + r * wg_code_stride(kind, frame->dim),
                       &expected_figures[r], scratch);
    }
}

static void check_level(const wg_kernels *kernels, const wg_frame *frame, wg_code_kind kind,
                        waggle_type type)
{
    size_t size = wg_encode_scratch(frame->dim) * sizeof(float);
    float *memory = wg_pages_alloc(NULL, WG_MEMORY_SCRATCH, size);

    memset(memory, 0x7f, size);
    memset(codes, 0x5a, sizeof(codes));
    memset(figures, 0x5a, sizeof(figures));
    kernels->encode[kind](frame, rows, wg_row_stride(type, frame->dim), type, ROWS, codes, figures,
                          memory);
    for (uint32_t r = 0; r <= ROWS; r++) { // behind the last nothing is written
        size_t stride = wg_code_stride(kind, frame->dim);
        if (memcmp(codes + r * stride, expected_codes + r * stride, stride) != 0 ||
            memcmp(&figures[r], &expected_figures[r], sizeof(figures[r])) != 0)
            fail_msg("%s: kind %d, type %d, dim %u, rotated %d: row %u differs", kernels->name,
                     (int)kind, (int)type, frame->dim, frame->rotated, r);
    }
    wg_pages_free(NULL, WG_MEMORY_SCRATCH, memory, size);
}

static void check_levels(const wg_frame *frame, wg_code_kind kind, waggle_type type)
{
    expect(frame, kind, type);
    for (uint32_t level = 0; level < WG_SIMD_COUNT; level++) {
        const wg_kernels *kernels = wg_kernels_get((wg_simd)level, NULL);
        if (kernels != NULL) check_level(kernels, frame, kind, type);
    }
}

WG_TEST(every_level_writes_the_codes_and_figures_of_the_reference)
{
    test_random random = {.state = test_seed(51)};
    wg_frame frame;

    for (size_t d = 0; d < WG_COUNT(dims); d++) {
        for (uint32_t t = 0; t < WG_COUNT(types); t++) {
            fill(&random, types[t], dims[d], t != 1);
            for (uint32_t k = 0; k < 2 * WG_COUNT(kinds); k++) {
                wg_frame_init(&frame, metrics[(d + t + k) % 3], center, dims[d], k % 2 == 0,
                              test_next(&random));
                check_levels(&frame, kinds[k / 2], types[t]);
            }
        }
    }
}

// Sums of squares are exact: of the largest components there are, in the most dimensions.
WG_TEST(the_longest_rows_are_encoded_exactly)
{
    static _Alignas(64) float row[WAGGLE_DIM_MAX];
    static _Alignas(64) uint8_t code[WAGGLE_DIM_MAX], expected[WAGGLE_DIM_MAX];
    static float zeros[WAGGLE_DIM_MAX], rest[WAGGLE_DIM_MAX];
    size_t size = wg_encode_scratch(WAGGLE_DIM_MAX) * sizeof(float);
    float *memory = wg_pages_alloc(NULL, WG_MEMORY_SCRATCH, size);
    test_random random = {.state = test_seed(52)};
    wg_code_figures found, reference;
    wg_frame frame;

    for (uint32_t i = 0; i < WAGGLE_DIM_MAX; i++) { // 127, and now and then another odd number
        row[i] = test_below(&random, 9) == 0   ? 7.0f
                 : test_below(&random, 2) == 0 ? 127.0f
                                               : -127.0f;
    }
    for (uint32_t k = 0; k < 2 * WG_COUNT(kinds); k++) {
        wg_frame_init(&frame, WAGGLE_L2, zeros, WAGGLE_DIM_MAX, k % 2 == 1, 1);
        wg_code_encode(&frame, kinds[k / 2], row, expected, &reference, rest);
        for (uint32_t level = WG_SIMD_SCALAR + 1; level < WG_SIMD_COUNT; level++) {
            const wg_kernels *kernels = wg_kernels_get((wg_simd)level, NULL);
            if (kernels == NULL) continue;
            kernels->encode[kinds[k / 2]](&frame, row, sizeof(row), WAGGLE_F32, 1, code, &found,
                                          memory);
            WG_CHECK(memcmp(&found, &reference, sizeof(found)) == 0);
            WG_CHECK(memcmp(code, expected, wg_code_stride(kinds[k / 2], WAGGLE_DIM_MAX)) == 0);
        }
    }
    wg_pages_free(NULL, WG_MEMORY_SCRATCH, memory, size);
}

// ---- The operation of the device ---------------------------------------------------------------

static wg_encode_job job_make(const wg_frame *frame, wg_code_kind kind, wg_heap *heap)
{
    return (wg_encode_job){.frame = frame,
                           .kind = kind,
                           .type = WAGGLE_F32,
                           .rows = rows,
                           .stride = wg_row_stride(WAGGLE_F32, frame->dim),
                           .count = ROWS,
                           .codes = codes,
                           .figures = figures,
                           .heap = heap};
}

WG_TEST(a_device_encodes_rows)
{
    test_random random = {.state = test_seed(53)};
    wg_device *device = NULL;
    waggle_error error;
    wg_frame frame;

    WG_OK(wg_device_cpu_open(1, &device, &error));
    for (uint32_t k = 0; k < WG_COUNT(kinds); k++) {
        fill(&random, WAGGLE_F32, 300, true);
        wg_frame_init(&frame, WAGGLE_DOT, center, 300, kinds[k] == WG_CODE_B1, 4);
        expect(&frame, kinds[k], WAGGLE_F32);
        memset(codes, 0x5a, sizeof(codes));
        memset(figures, 0x5a, sizeof(figures));
        wg_encode_job job = job_make(&frame, kinds[k], NULL);
        WG_OK(wg_device_encode(device, &job, &error));
        WG_CHECK(memcmp(codes, expected_codes, sizeof(codes)) == 0);
        WG_CHECK(memcmp(figures, expected_figures, sizeof(figures)) == 0);
        job.count = 0;
        job.rows = NULL;
        WG_OK(wg_device_encode(device, &job, &error));
    }
    wg_device_close(device);
}

// More rows than one call of a kernel takes: those of the second are as those of the first.
WG_TEST(a_job_may_have_more_rows_than_a_kernel_takes)
{
    enum {
        COUNT = 65536 + 5,
        STRIDE = 64
    };

    size_t size = (size_t)COUNT * STRIDE;
    uint8_t *many = wg_pages_alloc(NULL, WG_MEMORY_OTHER, size);
    uint8_t *found = wg_pages_alloc(NULL, WG_MEMORY_OTHER, size);
    wg_code_figures *of_rows = wg_pages_alloc(NULL, WG_MEMORY_OTHER, COUNT * sizeof(*of_rows));
    test_random random = {.state = test_seed(54)};
    wg_device *device = NULL;
    waggle_error error;
    wg_frame frame;

    for (uint32_t r = 0; r < COUNT; r++) {
        put(WAGGLE_F32, many + (size_t)r * STRIDE, 0, test_normal(&random));
        put(WAGGLE_F32, many + (size_t)r * STRIDE, 1, 2.0f);
    }
    memset(center, 0, sizeof(center));
    wg_frame_init(&frame, WAGGLE_L2, center, 2, false, 0);
    wg_encode_job job = job_make(&frame, WG_CODE_I8, NULL);
    job.rows = many;
    job.count = COUNT;
    job.codes = found;
    job.figures = of_rows;
    WG_OK(wg_device_cpu_open(1, &device, &error));
    WG_OK(wg_device_encode(device, &job, &error));
    for (uint32_t r = 0; r < COUNT; r += r < 65530 ? 1000 : 1) {
        wg_code_figures reference;
        memcpy(widened, many + (size_t)r * STRIDE, 8);
        wg_code_encode(&frame, WG_CODE_I8, widened, codes, &reference, scratch);
        WG_CHECK(memcmp(found + (size_t)r * STRIDE, codes, STRIDE) == 0);
        WG_CHECK(memcmp(&of_rows[r], &reference, sizeof(reference)) == 0);
    }
    wg_device_close(device);
    wg_pages_free(NULL, WG_MEMORY_OTHER, of_rows, COUNT * sizeof(*of_rows));
    wg_pages_free(NULL, WG_MEMORY_OTHER, found, size);
    wg_pages_free(NULL, WG_MEMORY_OTHER, many, size);
}

WG_TEST(encoding_without_memory_is_an_error)
{
    wg_device *device = NULL;
    waggle_error error;
    test_heap heap;
    wg_frame frame;

    test_heap_init(&heap);
    WG_OK(wg_device_cpu_open(1, &device, &error));
    wg_frame_init(&frame, WAGGLE_L2, center, 100, false, 0);
    wg_encode_job job = job_make(&frame, WG_CODE_I8, &heap.heap);
    heap.fail_at = 1;
    WG_FAILS_WITH(WAGGLE_OUT_OF_MEMORY, "encoding rows", wg_device_encode(device, &job, &error));
    WG_OK(wg_device_encode(device, &job, &error));
    WG_CHECK(heap.calls == 2 && heap.live == 0); // once per job
    wg_device_close(device);
}
