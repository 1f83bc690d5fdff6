#include "device/cpu/encode.h"

// Of one call of a kernel, which counts them in 32 bits: so many that its preparations do not matter.
#define ROWS_MAX 65536u

waggle_status wg_cpu_encode(const wg_kernels *kernels, const wg_encode_job *job,
                            waggle_error *error)
{
    uint32_t dim = job->frame->dim;
    size_t stride = wg_code_stride(job->kind, dim);
    size_t size = wg_encode_scratch(dim) * sizeof(float);
    float *scratch = wg_pages_alloc(job->heap, WG_MEMORY_SCRATCH, size);
    if (scratch == NULL) return wg_fail_memory(error, size, "encoding rows");

    for (uint64_t row = 0; row < job->count; row += ROWS_MAX) {
        uint32_t count = (uint32_t)WG_MIN(job->count - row, ROWS_MAX);
        kernels->encode[job->kind](job->frame, (const uint8_t *)job->rows + row * job->stride,
                                   job->stride, job->type, count, job->codes + row * stride,
                                   job->figures + row, scratch);
    }
    wg_pages_free(job->heap, WG_MEMORY_SCRATCH, scratch, size);
    return WAGGLE_OK;
}
