// The table of backends, in the order of preference: the only file that asks which were built.
#include "base/system.h"
#include "device/cpu/cpu.h"

#include <stdio.h>
#include <string.h>

typedef struct backend {
    const char *name;
    const char *reason; // why it is not used; NULL = it is
} backend;

static const char absent[] = "not in this version: the CPU serves every collection";

static const backend backends[] = {
    {"cuda",   absent},
    {"metal",  absent},
    {"hip",    absent},
    {"vulkan", absent},
    {"webgpu", absent},
    {"cpu",    NULL  },
};

uint32_t wg_backend_count(void)
{
    return (uint32_t)WG_COUNT(backends);
}

void wg_backend_info(uint32_t index, waggle_backend_info *info)
{
    WG_ASSERT(index < WG_COUNT(backends));

    const backend *entry = &backends[index];
    bool used = entry->reason == NULL;
    *info = (waggle_backend_info){.name = entry->name, .devices = used ? 1 : 0, .built = used};
    if (!used) snprintf(info->reason, sizeof(info->reason), "%s", entry->reason);
}

uint32_t wg_device_count(void)
{
    return 1; // the CPU
}

waggle_status wg_device_info(uint32_t index, waggle_device_info *info, waggle_error *error)
{
    if (index >= wg_device_count()) {
        return wg_fail(error, WAGGLE_NOT_FOUND,
                       "device %" PRIu32 " is not among the %" PRIu32 " there are", index,
                       wg_device_count());
    }
    return wg_cpu_info(info, error);
}

static const backend *find(const char *name, size_t size)
{
    for (size_t i = 0; i < WG_COUNT(backends); i++) {
        if (strlen(backends[i].name) == size && memcmp(backends[i].name, name, size) == 0) {
            return &backends[i];
        }
    }
    return NULL;
}

waggle_status wg_device_open(const char *name, uint32_t threads, wg_device **device,
                             waggle_error *error)
{
    if (name == NULL) name = wg_environment("WAGGLE_DEVICE");
    if (name == NULL) name = "cpu";

    size_t size = strcspn(name, ":");
    const char *ordinal = name[size] == ':' ? name + size + 1 : "0";
    const backend *entry = find(name, size);
    if (entry == NULL) {
        return wg_fail(error, WAGGLE_NOT_FOUND, "there is no device \"%.64s\"; there is cpu", name);
    }
    if (entry->reason != NULL) {
        return wg_fail(error, WAGGLE_UNSUPPORTED, "%s: %s", entry->name, entry->reason);
    }
    if (strcmp(ordinal, "0") != 0) {
        return wg_fail(error, WAGGLE_NOT_FOUND, "there is no device \"%.64s\"; there is cpu:0",
                       name);
    }
    return wg_device_cpu_open(threads, device, error);
}
