// The calls of waggle.h about devices and backends, over device/device.h.
#include "engine/devices.h"

#include <stdio.h>

uint32_t waggle_device_count(void)
{
    return wg_device_count();
}

waggle_status waggle_device_info_get(uint32_t index, waggle_device_info *info, waggle_error *error)
{
    wg_error_clear(error);
    return wg_device_info(index, info, error);
}

uint32_t waggle_backend_count(void)
{
    return wg_backend_count();
}

waggle_status waggle_backend_info_get(uint32_t index, waggle_backend_info *info,
                                      waggle_error *error)
{
    wg_error_clear(error);
    if (index >= wg_backend_count())
        return wg_fail(error, WAGGLE_NOT_FOUND,
                       "backend %" PRIu32 " is not among the %" PRIu32 " there are", index,
                       wg_backend_count());
    wg_backend_info(index, info);
    return WAGGLE_OK;
}

waggle_status waggle_device_open(const char *name, waggle_device **device, waggle_error *error)
{
    waggle_device_info info;
    wg_error_clear(error);
    waggle_device *made = wg_alloc_zeroed(NULL, WG_MEMORY_OTHER, sizeof *made);
    if (made == NULL) return wg_fail_memory(error, sizeof *made, "a device");
    waggle_status status = wg_device_open(name, 0, &made->device, error);
    if (status == WAGGLE_OK) status = wg_device_describe(made->device, &info, error);
    if (status != WAGGLE_OK) {
        waggle_device_close(made);
        return status;
    }
    snprintf(made->name, sizeof made->name, "%.15s:%" PRIu32, info.backend, info.ordinal);
    *device = made;
    return WAGGLE_OK;
}

waggle_status waggle_device_describe(waggle_device *device, waggle_device_info *info,
                                     waggle_error *error)
{
    wg_error_clear(error);
    return wg_device_describe(device->device, info, error);
}

void waggle_device_close(waggle_device *device)
{
    if (device == NULL) return;
    wg_device_close(device->device);
    wg_free(device);
}
