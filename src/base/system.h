// What the operating system and the machine tell: clocks, randomness, memory, processors, terminal,
// environment. Clock and randomness of the store can be replaced by tests.
#pragma once

#include "base/status.h"

typedef struct wg_clock {
    uint64_t (*monotonic_ns)(void *context);
    uint64_t (*unix_ms)(void *context);
    uint64_t (*random)(void *context); // 64 random bits
    void *context;
} wg_clock;

const wg_clock *wg_clock_system(void);

static inline uint64_t wg_clock_ns(const wg_clock *clock)
{
    return clock->monotonic_ns(clock->context);
}

uint64_t wg_now_ns(void); // monotonic, of the system
void wg_sleep_ms(uint32_t ms);
uint64_t wg_process_id(void);
bool wg_process_alive(uint64_t id);

uint32_t wg_cpu_count(void);        // that this process may use
uint64_t wg_memory_total(void);     // of the machine or its control group, the smaller
uint64_t wg_memory_available(void); // at most the total
uint64_t wg_memory_resident(void);  // of this process
uint64_t wg_memory_resident_peak(void);
uint64_t wg_files_open_max(void);
void wg_cpu_name(char *name, size_t capacity); // "Intel(R) Xeon(R) Processor"
// Free and total bytes of the file system that holds path.
waggle_status wg_disk_space(const char *path, uint64_t *available, uint64_t *total,
                            waggle_error *error);
// Tells the system that [data, data + size) of a mapping is about to be read / is no longer needed.
void wg_memory_will_need(const void *data, size_t size);
void wg_memory_dont_need(const void *data, size_t size);
size_t wg_page_size(void);

const char *wg_environment(const char *name); // NULL if not set or empty
// The standard streams by number: 0 in, 1 out, 2 error.
bool wg_is_terminal(int stream);
uint32_t wg_terminal_width(int stream); // columns; 80 if unknown
// After this call SIGINT and SIGTERM set a flag instead of ending the process; a second one ends it.
void wg_interrupt_catch(void);
bool wg_interrupted(void);
// A name that may stand in a path: [A-Za-z0-9_.-]{1,255}, no leading dot.
bool wg_name_is_safe(const char *name);
