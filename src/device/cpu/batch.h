// Batches of queries. A product of a block of rows with a panel of queries is several times as fast as scores one by
// one, but rounded otherwise; so the product, with a proved bound on its error, leaves out the pairs that cannot enter
// the k best, and the others get the score that leaves the library. The answer is the same, bit for bit.
#pragma once

#include "device/cpu/kernels.h"

typedef struct wg_batch wg_batch;
typedef struct wg_batch_scratch wg_batch_scratch; // of one thread

// Whether this job gains by it.
bool wg_batch_suits(const wg_kernels *kernels, const wg_flat_job *job);
// Lays the queries out, in the job's scratch. Read-only afterwards. block_rows: the most of one call of wg_batch_block.
waggle_status wg_batch_create(const wg_kernels *kernels, const wg_flat_job *job,
                              uint32_t block_rows, wg_batch **batch, waggle_error *error);
wg_batch_scratch *wg_batch_scratch_create(const wg_batch *batch); // also there; NULL = no memory
// Searches rows [begin, end) of a view, begin a multiple of WG_TILE_ROWS, for all queries into the thread's lists.
// Meanwhile it fetches rows that the thread takes next, from `ahead` on (NULL = none).
void wg_batch_block(const wg_batch *batch, wg_batch_scratch *scratch, uint32_t view, uint64_t begin,
                    uint64_t end, const void *ahead, wg_topk *topks);
