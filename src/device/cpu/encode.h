// Codes of rows by the CPU.
#pragma once

#include "device/cpu/kernels.h"

waggle_status wg_cpu_encode(const wg_kernels *kernels, const wg_encode_job *job,
                            waggle_error *error);
