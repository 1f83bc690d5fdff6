// The exact scan of the CPU: distances and top-k in one pass.
#pragma once

#include "device/cpu/kernels.h"
#include "device/cpu/pool.h"

// Bit r: row + r is a candidate. row is a multiple of WG_TILE_ROWS, so a tile lies in one word of the masks.
uint32_t wg_scan_candidates(const wg_rows_view *view, uint64_t row);
// The same for 64 rows; row is a multiple of 64.
uint64_t wg_scan_candidates_64(const wg_rows_view *view, uint64_t row);

// Scores one pair into its list.
void wg_scan_pair(const wg_kernels *kernels, const wg_flat_job *job, uint32_t view, uint64_t row,
                  uint32_t query, wg_topk *topk);
// Scores rows [begin, end) of a view against queries [first, first + count) in tiles. topks: of all queries.
void wg_scan_tiles(const wg_kernels *kernels, const wg_flat_job *job, uint32_t view, uint64_t begin,
                   uint64_t end, uint32_t first, uint32_t count, wg_topk *topks);

waggle_status wg_cpu_scan(wg_pool *pool, const wg_kernels *kernels, const wg_flat_job *job,
                          waggle_error *error);
