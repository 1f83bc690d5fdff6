// devices: what can search, and why the rest cannot. doctor: whether this machine is fit, in plain words.
#include "base/bandwidth.h"
#include "base/system.h"
#include "base/vfs.h"
#include "cli/database.h"

#include <math.h>
#include <string.h>

// ---- devices -----------------------------------------------------------------------------------

static waggle_status put_device(cli_output *output, uint32_t index, waggle_error *error)
{
    waggle_device_info info;
    waggle_status status = waggle_device_info_get(index, &info, error);

    if (status != WAGGLE_OK) return status;
    cli_put_string(output, info.backend);
    cli_put_u64(output, info.ordinal);
    cli_put_string(output, info.name);
    cli_put_string(output, info.driver);
    cli_put_u64(output, info.threads);
    cli_put_size(output, info.memory_total);
    cli_put_size(output, info.memory_available);
    cli_put_string(output, index == 0 ? "preferred" : "available");
    cli_row_end(output);
    return WAGGLE_OK;
}

static waggle_status put_backend(cli_output *output, uint32_t index, waggle_error *error)
{
    waggle_backend_info info;
    waggle_status status = waggle_backend_info_get(index, &info, error);

    if (status != WAGGLE_OK || info.devices > 0) return status;
    cli_put_string(output, info.name);
    for (int i = 0; i < 6; i++) {
        cli_put_null(output);
    }
    cli_put_string(output, info.reason);
    cli_row_end(output);
    return WAGGLE_OK;
}

waggle_status cli_devices(cli_context *cli, waggle_error *error)
{
    static const cli_column columns[] = {
        {"backend",          false},
        {"ordinal",          true },
        {"name",             false},
        {"driver",           false},
        {"threads",          true },
        {"memory_total",     true },
        {"memory_available", true },
        {"state",            false},
    };
    cli_output output;
    waggle_status status = WAGGLE_OK;

    cli_output_begin(&output, cli->style, columns, WG_COUNT(columns));
    for (uint32_t i = 0; i < waggle_device_count() && status == WAGGLE_OK; i++) {
        status = put_device(&output, i, error);
    }
    for (uint32_t i = 0; i < waggle_backend_count() && status == WAGGLE_OK; i++) {
        status = put_backend(&output, i, error);
    }
    waggle_status written = cli_output_end(&output, status == WAGGLE_OK ? error : NULL);
    return status == WAGGLE_OK ? written : status;
}

// ---- doctor ------------------------------------------------------------------------------------

#define PROBE_SIZE ((size_t)1 << 30) // larger than any cache
#define PROBE_PASSES 5u
#define SYNC_COUNT 64u
#define SYNC_SIZE 4096u
#define OPEN_FILES_LOW 4096u
#define SYNC_SLOW_MS 10.0
#define DISK_LOW ((uint64_t)1 << 30)

typedef struct doctor {
    cli_context *cli;
    cli_output output;
    uint32_t advice; // lines given
} doctor;

// value is text, or NULL for the number.
static void put_check(doctor *d, const char *check, const char *value, double number,
                      const char *unit, const char *advice)
{
    cli_put_string(&d->output, check);
    if (value != NULL) {
        cli_put_string(&d->output, value);
    } else {
        cli_put_double(&d->output, number, number < 100 && number != floor(number) ? 2 : 0);
    }
    cli_put_string(&d->output, unit == NULL ? "" : unit);
    cli_put_string(&d->output, advice == NULL ? "" : advice);
    cli_row_end(&d->output);
    if (advice != NULL) d->advice++;
}

static waggle_status check_processor(doctor *d, waggle_error *error)
{
    waggle_device_info info;
    char name[128];
    uint32_t last = waggle_device_count() - 1; // the CPU
    waggle_status status = waggle_device_info_get(last, &info, error);

    if (status != WAGGLE_OK) return status;
    wg_cpu_name(name, sizeof(name));
    bool wide = strstr(info.simd, "avx2") != NULL || strstr(info.simd, "neon") != NULL;
    put_check(d, "processor", name, 0, NULL, NULL);
    put_check(d, "cores", NULL, wg_cpu_count(), NULL, NULL);
    put_check(d, "simd levels", info.simd, 0, NULL,
              wide ? NULL : "Searches use plain code: this processor lacks AVX2 and NEON.");
    put_check(d, "simd in use", info.driver, 0, NULL, NULL);
    put_check(d, "gpu", last > 0 ? "found" : "none", 0, NULL,
              last > 0 ? NULL : "Searches run on the CPU; waggle devices says why.");
    return WAGGLE_OK;
}

static void check_memory(doctor *d)
{
    double gib = 1024.0 * 1024 * 1024;
    double total = (double)wg_memory_total(), available = (double)wg_memory_available();

    put_check(d, "memory", NULL, total / gib, "GiB", NULL);
    put_check(d, "memory available", NULL, available / gib, "GiB",
              available < total / 10 ? "Less than a tenth is free: large collections would be "
                                       "read from disk again and again."
                                     : NULL);
}

static waggle_status check_bandwidth(doctor *d, uint32_t threads, const char *check,
                                     waggle_error *error)
{
    wg_bandwidth bandwidth = {0};
    double rate = 0;
    size_t size = PROBE_SIZE;
    uint64_t spare = wg_memory_available() / 8;

    if (spare < size) size = (size_t)spare;
    waggle_status status = wg_bandwidth_open(&bandwidth, size, threads, error);
    if (status != WAGGLE_OK) return status;
    status = wg_bandwidth_measure(&bandwidth, PROBE_PASSES, &rate, error);
    wg_bandwidth_close(&bandwidth);
    if (status == WAGGLE_OK) put_check(d, check, NULL, rate / 1e9, "GB/s", NULL);
    return status;
}

// Appends and syncs small pieces, as the log does.
static waggle_status measure_syncs(const char *path, double *times, waggle_error *error)
{
    uint8_t block[SYNC_SIZE] = {0};
    wg_file *file = NULL;
    waggle_status status = wg_file_open(wg_vfs_posix(), path, WG_OPEN_CREATE, &file, error);

    if (status != WAGGLE_OK) return status;
    for (uint32_t i = 0; i < SYNC_COUNT && status == WAGGLE_OK; i++) {
        uint64_t from = wg_now_ns();
        status = wg_file_write(file, (uint64_t)i * SYNC_SIZE, block, sizeof(block), error);
        if (status == WAGGLE_OK) status = wg_file_sync(file, error);
        times[i] = (double)(wg_now_ns() - from) / 1e6;
    }
    wg_file_close(file);
    (void)wg_vfs_unlink(wg_vfs_posix(), path, NULL);
    return status;
}

static waggle_status check_disk(doctor *d, waggle_error *error)
{
    char path[WG_PATH_SIZE_MAX], evidence[128];
    double times[SYNC_COUNT];
    uint64_t available = 0, total = 0;
    const char *folder = d->cli->database;
    waggle_status status = wg_disk_space(folder, &available, &total, error);

    // A database that does not exist yet would come to lie here.
    if (status != WAGGLE_OK) {
        folder = ".";
        status = wg_disk_space(folder, &available, &total, error);
    }
    if (status == WAGGLE_OK) status = wg_path_join(path, folder, "doctor.tmp", error);
    if (status != WAGGLE_OK) return status;
    put_check(d, "database folder", folder, 0, NULL, NULL);
    put_check(d, "disk free", NULL, (double)available / (1 << 30), "GiB",
              available < DISK_LOW ? "Less than 1 GiB is free: writes will soon be refused."
                                   : NULL);
    wg_vfs_describe(wg_vfs_posix(), folder, evidence, sizeof(evidence));
    put_check(d, "sync", evidence, 0, NULL, NULL);
    waggle_error failure = {0};
    if (measure_syncs(path, times, &failure) != WAGGLE_OK) {
        put_check(d, "sync latency", "failed", 0, NULL, failure.message);
        return WAGGLE_OK;
    }
    double median = wg_quantile(times, SYNC_COUNT, 0.5);
    put_check(d, "sync latency p50", NULL, median, "ms",
              median > SYNC_SLOW_MS ? "Single writes wait for this: write in batches, or choose "
                                      "a faster disk."
                                    : NULL);
    put_check(d, "sync latency p99", NULL, wg_quantile(times, SYNC_COUNT, 0.99), "ms", NULL);
    return WAGGLE_OK;
}

static void check_limits(doctor *d)
{
    uint64_t files = wg_files_open_max();

    put_check(d, "open files", NULL, (double)files, NULL,
              files < OPEN_FILES_LOW ? "Many collections need more: ulimit -n 65536." : NULL);
}

static waggle_status examine(doctor *d, waggle_error *error)
{
    waggle_status status = check_processor(d, error);

    if (status != WAGGLE_OK) return status;
    check_memory(d);
    status = check_bandwidth(d, 1, "read bandwidth, one thread", error);
    if (status != WAGGLE_OK) return status;
    status = check_bandwidth(d, wg_cpu_count(), "read bandwidth, all threads", error);
    if (status != WAGGLE_OK) return status;
    status = check_disk(d, error);
    check_limits(d);
    return status;
}

waggle_status cli_doctor(cli_context *cli, waggle_error *error)
{
    static const cli_column columns[] = {
        {"check",  false},
        {"value",  false},
        {"unit",   false},
        {"advice", false},
    };
    doctor d = {.cli = cli};

    cli_output_begin(&d.output, cli->style, columns, WG_COUNT(columns));
    waggle_status status = examine(&d, error);
    waggle_status written = cli_output_end(&d.output, status == WAGGLE_OK ? error : NULL);
    if (status == WAGGLE_OK && d.advice == 0) cli_say(cli, "This machine is fit for waggle.");
    return status == WAGGLE_OK ? written : status;
}
