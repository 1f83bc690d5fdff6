#include "base/system.h"
#include "device/cpu/cpu.h"
#include "device/cpu/encode.h"
#include "device/cpu/scan.h"

#include <stdio.h>
#include <string.h>

#define THREADS_MAX 1024u

typedef struct cpu_device {
    wg_device device;
    const wg_kernels *kernels;
    wg_pool *pool;
} cpu_device;

// The level that WAGGLE_SIMD asks for, else the best.
static waggle_status choose_kernels(const wg_kernels **kernels, waggle_error *error)
{
    const char *name = wg_environment("WAGGLE_SIMD");
    const char *reason = NULL;
    wg_simd level = wg_simd_best();

    if (name != NULL) {
        waggle_status status = wg_simd_parse(name, &level, error);
        if (status != WAGGLE_OK) return wg_fail_context(error, status, "WAGGLE_SIMD");
    }
    const wg_kernels *chosen = wg_kernels_get(level, &reason);
    if (chosen == NULL) {
        return wg_fail(error, WAGGLE_UNSUPPORTED, "WAGGLE_SIMD: %s cannot be used: %s",
                       wg_simd_name(level), reason);
    }
    *kernels = chosen;
    return WAGGLE_OK;
}

// Every level of this machine: "scalar avx2 avx512 avx512-vnni".
static void list_levels(char *text, size_t capacity)
{
    size_t at = 0;

    text[0] = '\0';
    for (uint32_t i = 0; i < WG_SIMD_COUNT; i++) {
        if (wg_kernels_get((wg_simd)i, NULL) == NULL) continue;
        int size = snprintf(text + at, capacity - at, "%s%s", at == 0 ? "" : " ",
                            wg_simd_name((wg_simd)i));
        WG_ASSERT(size > 0 && (size_t)size < capacity - at);
        at += (size_t)size;
    }
}

static void describe(const wg_kernels *kernels, waggle_device_info *info)
{
    *info = (waggle_device_info){0};
    wg_cpu_name(info->name, sizeof(info->name));
    snprintf(info->backend, sizeof(info->backend), "cpu");
    snprintf(info->driver, sizeof(info->driver), "%s", kernels->name);
    list_levels(info->simd, sizeof(info->simd));
    info->threads = wg_cpu_count();
    info->memory_total = wg_memory_total();
    info->memory_available = WG_MIN(wg_memory_available(), info->memory_total);
}

waggle_status wg_cpu_info(waggle_device_info *info, waggle_error *error)
{
    const wg_kernels *kernels = NULL;
    waggle_status status = choose_kernels(&kernels, error);
    if (status != WAGGLE_OK) return status;
    describe(kernels, info);
    return WAGGLE_OK;
}

static waggle_status cpu_describe(wg_device *device, waggle_device_info *info, waggle_error *error)
{
    (void)error;
    describe(((cpu_device *)device)->kernels, info);
    return WAGGLE_OK;
}

static void cpu_close(wg_device *device)
{
    cpu_device *cpu = (cpu_device *)device;

    wg_pool_destroy(cpu->pool);
    wg_free(cpu);
}

static waggle_status cpu_flat_search(wg_device *device, const wg_flat_job *job, waggle_error *error)
{
    cpu_device *cpu = (cpu_device *)device;

    return wg_cpu_scan(cpu->pool, cpu->kernels, job, error);
}

static waggle_status cpu_encode(wg_device *device, const wg_encode_job *job, waggle_error *error)
{
    return wg_cpu_encode(((cpu_device *)device)->kernels, job, error);
}

static const wg_device_ops cpu_ops = {
    .backend = "cpu",
    .describe = cpu_describe,
    .close = cpu_close,
    .flat_search = cpu_flat_search,
    .encode = cpu_encode,
};

waggle_status wg_device_cpu_open(uint32_t threads, wg_device **device, waggle_error *error)
{
    const wg_kernels *kernels = NULL;
    waggle_status status = choose_kernels(&kernels, error);
    if (status != WAGGLE_OK) return status;

    if (threads == 0) threads = WG_MIN(wg_cpu_count(), THREADS_MAX);
    if (threads > THREADS_MAX) {
        return wg_fail(error, WAGGLE_INVALID, "%" PRIu32 " threads; the most is %u", threads,
                       THREADS_MAX);
    }
    cpu_device *cpu = wg_alloc_zeroed(NULL, WG_MEMORY_OTHER, sizeof(*cpu));
    if (cpu == NULL) return wg_fail_memory(error, sizeof(*cpu), "the CPU device");
    cpu->device.ops = &cpu_ops;
    cpu->kernels = kernels;
    status = wg_pool_create(threads, &cpu->pool, error);
    if (status != WAGGLE_OK) {
        wg_free(cpu);
        return status;
    }
    *device = &cpu->device;
    return WAGGLE_OK;
}

const char *wg_device_cpu_simd(const wg_device *device)
{
    WG_ASSERT(device->ops == &cpu_ops);
    return ((const cpu_device *)device)->kernels->name;
}
