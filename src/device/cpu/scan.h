// The exact scan of the CPU: distances and top-k in one pass.
#pragma once

#include "device/cpu/kernels.h"
#include "device/cpu/pool.h"

waggle_status wg_cpu_scan(wg_pool *pool, const wg_kernels *kernels, const wg_flat_job *job,
                          waggle_error *error);
