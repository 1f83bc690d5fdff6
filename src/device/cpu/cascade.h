// Scans of codes: each stage excludes rows by a proved test on fewer bytes than the next reads, and what no stage excludes is
// scored as ever. So the answer is that of the plain scan, bit for bit (docs/decisions/certified-scan.md, theorem 5); over 1-bit
// codes it is so with the probability that the page states.
//
//   certified, few queries   4-bit -> int8 -> rows, row by row of what is left
//   certified, batches       int8 of a block against a panel of queries -> rows, where there are instructions for it
//   probable                 1-bit -> int8 -> rows
#pragma once

#include "device/cpu/kernels.h"

typedef struct wg_cascade wg_cascade;
typedef struct wg_cascade_scratch wg_cascade_scratch; // of one thread

// Whether the job asks for codes and a view has them.
bool wg_cascade_suits(const wg_kernels *kernels, const wg_flat_job *job);
// Quantizes the queries in the frame of every view, into the job's scratch. Read-only afterwards.
waggle_status wg_cascade_create(const wg_kernels *kernels, const wg_flat_job *job,
                                wg_cascade **cascade, waggle_error *error);
// Bytes that the first stage reads of a row; 0 = the view is scanned as it is.
size_t wg_cascade_row_size(const wg_cascade *cascade, uint32_t view);
wg_cascade_scratch *
wg_cascade_scratch_create(const wg_cascade *cascade); // also there; NULL = no memory
// Searches rows [begin, end) of a view that has codes, begin a multiple of WG_CODES_ROWS, for all queries into the
// thread's lists.
void wg_cascade_block(const wg_cascade *cascade, wg_cascade_scratch *scratch, uint32_t view,
                      uint64_t begin, uint64_t end, wg_topk *topks);
// Adds what the thread read to the job's report.
void wg_cascade_report(const wg_cascade_scratch *scratch, wg_scan_report *report);
