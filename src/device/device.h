// What indexes see of a device: its information and a few coarse operations over views of rows. Members:
// cpu/ (SIMD kernels and a thread pool); the GPUs come in through gpu/, once for all drivers.
#pragma once

#include "base/memory.h"
#include "base/thread.h"
#include "vector/code.h"
#include "vector/topk.h"
#include "vector/type.h"

typedef struct wg_device wg_device;

// The codes of a view's rows of one kind (vector/code.h).
typedef struct wg_code_column {
    const wg_frame *frame;
    const uint8_t *codes;           // wg_code_stride() apart, aligned to 64; NULL = there are none
    const wg_code_figures *figures; // one per row
} wg_code_column;

// Rows of one segment or head chunk. Borrowed: valid as long as the snapshot that lists them.
typedef struct wg_rows_view {
    const void *rows;   // stride bytes from one to the next, aligned to 64, padding zero
    const float *norms; // cosine over u8 and i8: the norm of each row; otherwise NULL
    uint64_t count;
    size_t stride;
    // One bit per row, set = dead, in pages of WG_MASK_PAGE_BITS bits; a NULL page has no bit set; pages
    // NULL = every row lives.
    const uint64_t *const *masked_pages;
    uint64_t masked_first;       // the bit of row 0 (head chunks share one mask); a multiple of 64
    const uint64_t *present;     // one bit per row, set = has this vector; NULL = all have it
    const wg_code_column *codes; // by wg_code_kind, WG_CODE_B1 + 1 of them; NULL = none
} wg_rows_view;

#define WG_MASK_PAGE_BITS 32768u
#define WG_MASK_PAGE_WORDS (WG_MASK_PAGE_BITS / 64u)

// What the passes of a job read, summed over threads. A job adds to it.
typedef struct wg_scan_stage {
    uint64_t rows; // once per group of queries, masked rows included
    uint64_t bytes;
    uint64_t ns;
} wg_scan_stage;

typedef struct wg_scan_report {
    wg_scan_stage rows;                  // scored
    wg_scan_stage codes[WG_CODE_B1 + 1]; // by kind
    uint64_t
        blocks_widened; // of which codes excluded so little that all rows were scored, per group of queries
} wg_scan_report;

// Searches queries over views: one fused pass, k best per query in topks, unsorted.
typedef struct wg_flat_job {
    waggle_metric metric;
    waggle_type type;
    uint32_t dim;
    const wg_rows_view *views;
    uint32_t view_count;
    const void
        *queries; // of the rows' type, stride as wg_row_stride, aligned to 64; cosine over float
                  // types: normalised
    size_t query_stride;
    const float *query_norms; // cosine over u8 and i8; otherwise NULL
    uint32_t query_count;
    wg_topk *topks;    // query_count, initialised by the caller
    wg_arena *scratch; // of the caller's thread; left as it was found
    waggle_scan
        scan; // CERTIFIED, PROBABLE: views that have the codes are scanned by them; else F32
    wg_scan_report *report; // NULL = not wanted
} wg_flat_job;

// Encodes rows (vector/code.h): the same bits on every device. One thread, the caller's.
typedef struct wg_encode_job {
    const wg_frame *frame;
    wg_code_kind kind;
    waggle_type type; // f32, f16 or bf16
    const void *rows; // stride wg_row_stride(), aligned to 64
    size_t stride;
    uint64_t count;
    uint8_t *codes;           // wg_code_stride() apart, aligned to 64
    wg_code_figures *figures; // count
    wg_heap *heap;            // for scratch
} wg_encode_job;

typedef struct wg_device_ops {
    const char *backend; // "cpu"
    waggle_status (*describe)(wg_device *device, waggle_device_info *info, waggle_error *error);
    void (*close)(wg_device *device);
    waggle_status (*flat_search)(wg_device *device, const wg_flat_job *job, waggle_error *error);
    waggle_status (*encode)(wg_device *device, const wg_encode_job *job, waggle_error *error);
} wg_device_ops;

struct wg_device {
    const wg_device_ops *ops;
};

// The CPU. threads: that work on one job, the caller's included; 0 = one per core.
// WAGGLE_SIMD=scalar|avx2|avx512|avx512-vnni|neon forces a level: WAGGLE_UNSUPPORTED if this machine lacks it,
// WAGGLE_INVALID for another word.
waggle_status wg_device_cpu_open(uint32_t threads, wg_device **device, waggle_error *error);
const char *wg_device_cpu_simd(const wg_device *device); // "avx512"

// Backends in the order of preference: what each found, or why it is not used.
uint32_t wg_backend_count(void);
void wg_backend_info(uint32_t index, waggle_backend_info *info);
// All devices in the order of preference.
uint32_t wg_device_count(void);
waggle_status wg_device_info(uint32_t index, waggle_device_info *info, waggle_error *error);
// name NULL = WAGGLE_DEVICE of the environment, else the best. WAGGLE_NOT_FOUND lists what there is;
// WAGGLE_UNSUPPORTED says why a known backend is not used.
waggle_status wg_device_open(const char *name, uint32_t threads, wg_device **device,
                             waggle_error *error);
void wg_device_close(wg_device *device);
waggle_status wg_device_describe(wg_device *device, waggle_device_info *info, waggle_error *error);
// Checks the job (WG_ASSERT) and runs it.
waggle_status wg_device_flat_search(wg_device *device, const wg_flat_job *job, waggle_error *error);
// The same.
waggle_status wg_device_encode(wg_device *device, const wg_encode_job *job, waggle_error *error);
