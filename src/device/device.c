// The front of all devices: checks what callers give, so that a backend need not.
#include "device/device.h"

static bool aligned(const void *data)
{
    return (uintptr_t)data % 64 == 0;
}

static void check_view(const wg_flat_job *job, const wg_rows_view *view)
{
    bool wants_norms = job->metric == WAGGLE_COSINE && !wg_type_is_float(job->type);

    WG_ASSERT(view->stride == job->query_stride);
    WG_ASSERT(aligned(view->rows));
    WG_ASSERT(view->rows != NULL || view->count == 0);
    WG_ASSERT((view->norms != NULL) == wants_norms || view->count == 0);
    WG_ASSERT(view->masked_first % 64 == 0);
    for (wg_code_kind kind = WG_CODE_I8; view->codes != NULL && kind <= WG_CODE_B1; kind++) {
        const wg_code_column *column = &view->codes[kind];
        if (column->codes == NULL) continue;
        WG_ASSERT(aligned(column->codes));
        WG_ASSERT(column->figures != NULL);
        WG_ASSERT(column->frame->metric == job->metric);
        WG_ASSERT(column->frame->dim == job->dim);
    }
}

static void check_job(const wg_flat_job *job)
{
    bool wants_norms = job->metric == WAGGLE_COSINE && !wg_type_is_float(job->type);

    WG_ASSERT(wg_metric_supports(job->metric, job->type));
    WG_ASSERT(job->dim >= 1);
    WG_ASSERT(job->dim <= WAGGLE_DIM_MAX);
    WG_ASSERT(job->scratch != NULL);
    WG_ASSERT(job->query_stride == wg_row_stride(job->type, job->dim));
    WG_ASSERT(aligned(job->queries));
    WG_ASSERT((job->query_norms != NULL) == wants_norms || job->query_count == 0);
    for (uint32_t i = 0; i < job->view_count; i++) {
        check_view(job, &job->views[i]);
    }
    for (uint32_t i = 0; i < job->query_count; i++) {
        WG_ASSERT(job->topks[i].lowest == wg_metric_lowest(job->metric));
    }
}

static void check_encode(const wg_encode_job *job)
{
    WG_ASSERT(job->kind >= WG_CODE_I8);
    WG_ASSERT(job->kind <= WG_CODE_B1);
    WG_ASSERT(wg_code_supports(job->frame->metric, job->type));
    WG_ASSERT(job->stride == wg_row_stride(job->type, job->frame->dim));
    WG_ASSERT(aligned(job->rows));
    WG_ASSERT(aligned(job->codes));
    WG_ASSERT(job->count == 0 || (job->rows != NULL && job->codes != NULL && job->figures != NULL));
}

void wg_device_close(wg_device *device)
{
    if (device != NULL) device->ops->close(device);
}

waggle_status wg_device_describe(wg_device *device, waggle_device_info *info, waggle_error *error)
{
    return device->ops->describe(device, info, error);
}

waggle_status wg_device_flat_search(wg_device *device, const wg_flat_job *job, waggle_error *error)
{
    check_job(job);
    wg_arena_mark before = wg_arena_mark_get(job->scratch);
    waggle_status status = device->ops->flat_search(device, job, error);
    wg_arena_rewind(job->scratch, before);
    return status;
}

waggle_status wg_device_encode(wg_device *device, const wg_encode_job *job, waggle_error *error)
{
    check_encode(job);
    return device->ops->encode(device, job, error);
}
