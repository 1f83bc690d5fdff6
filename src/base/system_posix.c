#include "base/system.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>
#if defined(__linux__)
#include <sched.h>
#endif

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "formats are written as the machine has them");

#define TERMINAL_WIDTH_DEFAULT 80u
#define NAME_SIZE_MAX 255u

// ---- Clocks and randomness ----------------------------------------------------------------------

uint64_t wg_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t system_monotonic_ns(void *context)
{
    (void)context;
    return wg_now_ns();
}

static uint64_t system_unix_ms(void *context)
{
    (void)context;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

static uint64_t system_random(void *context)
{
    (void)context;
    uint64_t bits;
    int result = getentropy(&bits, sizeof(bits));
    WG_ASSERT(result == 0); // fails only where the kernel has no such call
    return bits;
}

const wg_clock *wg_clock_system(void)
{
    static const wg_clock clock = {system_monotonic_ns, system_unix_ms, system_random, NULL};
    return &clock;
}

void wg_sleep_ms(uint32_t ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR && !wg_interrupted())
        continue;
}

// ---- Processes ----------------------------------------------------------------------------------

uint64_t wg_process_id(void)
{
    return (uint64_t)getpid();
}

bool wg_process_alive(uint64_t id)
{
    if (id == 0 || id > INT32_MAX) return false; // 0 and below mean groups to kill()
    return kill((pid_t)id, 0) == 0 || errno == EPERM;
}

// ---- Small files of the kernel ------------------------------------------------------------------

// Reads a file of /proc or /sys as text; false if it is not there. What does not fit is cut.
static bool read_text(const char *path, char *text, size_t capacity)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    size_t size = 0;
    while (size + 1 < capacity) {
        ssize_t got = read(fd, text + size, capacity - 1 - size);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        size += (size_t)got;
    }
    close(fd);
    text[size] = 0;
    return true;
}

// The number behind a key at the start of a line, as "MemAvailable:   123 kB"; false if there is none.
static bool find_number(const char *text, const char *key, uint64_t *number)
{
    size_t length = strlen(key);
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        if (*line == '\n') line++;
        if (strncmp(line, key, length) != 0) continue;
        *number = strtoull(line + length, NULL, 10);
        return true;
    }
    return false;
}

#if defined(__linux__)
// ---- Control groups -----------------------------------------------------------------------------

#define CGROUP_PATH_SIZE 1024u

typedef struct cgroup_files {
    const char *root;   // where the hierarchy is mounted
    const char *key;    // of its line in /proc/self/cgroup
    const char *limit;  // a number of bytes, or "max"
    const char *used;   // bytes, page cache included
    const char *cached; // of memory.stat: what the kernel would give back first
} cgroup_files;

static const cgroup_files cgroups[] = {
    {"/sys/fs/cgroup",        "0::",      "memory.max",            "memory.current",        "inactive_file "},
    {"/sys/fs/cgroup/memory", ":memory:", "memory.limit_in_bytes", "memory.usage_in_bytes",
     "total_inactive_file "                                                                                 },
};

typedef struct memory_room {
    uint64_t total;
    uint64_t available;
} memory_room;

static bool cgroup_read(const cgroup_files *files, const char *group, const char *name, char *text,
                        size_t capacity)
{
    char path[CGROUP_PATH_SIZE + 128];
    snprintf(path, sizeof(path), "%s%s/%s", files->root, group, name);
    return read_text(path, text, capacity);
}

// Narrows room to what one group allows. Without a limit v2 says "max", v1 a number near 2^63.
static void narrow_to_group(const cgroup_files *files, const char *group, memory_room *room)
{
    char text[4096];
    if (!cgroup_read(files, group, files->limit, text, sizeof(text))) return;
    if (!isdigit((unsigned char)text[0])) return;
    uint64_t limit = strtoull(text, NULL, 10);
    if (limit >= INT64_MAX / 2) return;
    room->total = WG_MIN(room->total, limit);

    if (!cgroup_read(files, group, files->used, text, sizeof(text))) return;
    uint64_t used = strtoull(text, NULL, 10);
    uint64_t cached = 0;
    if (cgroup_read(files, group, "memory.stat", text, sizeof(text)))
        find_number(text, files->cached, &cached);
    used -= WG_MIN(used, cached);
    room->available = WG_MIN(room->available, limit - WG_MIN(limit, used));
}

// This process's group in a hierarchy, as "/system.slice/waggle.service"; "" is the root.
static void find_group(const cgroup_files *files, char group[CGROUP_PATH_SIZE])
{
    char text[4096];
    group[0] = 0;
    if (!read_text("/proc/self/cgroup", text, sizeof(text))) return;
    const char *found = strstr(text, files->key);
    if (found == NULL) return;
    found += strlen(files->key);
    size_t length = strcspn(found, "\n");
    if (length >= CGROUP_PATH_SIZE || length <= 1) return; // "/" is the root
    memcpy(group, found, length);
    group[length] = 0;
}

// Every group up to the root limits what is below it. Within a container the path may be that of the
// host and lead nowhere; then the root is the container's own group.
static void narrow_to_groups(memory_room *room)
{
    for (size_t i = 0; i < WG_COUNT(cgroups); i++) {
        char group[CGROUP_PATH_SIZE];
        find_group(&cgroups[i], group);
        for (;;) {
            narrow_to_group(&cgroups[i], group, room);
            char *slash = strrchr(group, '/');
            if (slash == NULL) break;
            *slash = 0;
        }
    }
}

static memory_room memory_room_get(void)
{
    char text[4096];
    uint64_t total = (uint64_t)sysconf(_SC_PHYS_PAGES) * wg_page_size();
    uint64_t available_kib = 0;
    memory_room room = {.total = total, .available = total};
    if (read_text("/proc/meminfo", text, sizeof(text)) &&
        find_number(text, "MemAvailable:", &available_kib))
        room.available = WG_MIN(total, available_kib * 1024);
    narrow_to_groups(&room);
    room.available = WG_MIN(room.available, room.total);
    return room;
}

uint64_t wg_memory_total(void)
{
    return memory_room_get().total;
}

uint64_t wg_memory_available(void)
{
    return memory_room_get().available;
}

static uint64_t status_kib(const char *key)
{
    char text[8192];
    uint64_t kib = 0;
    if (read_text("/proc/self/status", text, sizeof(text))) find_number(text, key, &kib);
    return kib * 1024;
}

uint64_t wg_memory_resident(void)
{
    return status_kib("VmRSS:");
}

uint64_t wg_memory_resident_peak(void)
{
    return status_kib("VmHWM:");
}

// The processors that a control group's quota amounts to, rounded up; UINT32_MAX without a quota.
static uint32_t cpu_quota(void)
{
    char text[256];
    char group[CGROUP_PATH_SIZE];
    uint32_t least = UINT32_MAX;
    find_group(&cgroups[0], group);
    for (;;) {
        uint64_t quota = 0;
        uint64_t period = 0;
        bool found = cgroup_read(&cgroups[0], group, "cpu.max", text, sizeof(text));
        if (found && sscanf(text, "%" SCNu64 " %" SCNu64, &quota, &period) == 2 && period > 0) {
            uint64_t count = WG_MAX((quota + period - 1) / period, 1u);
            least = (uint32_t)WG_MIN(count, (uint64_t)least);
        }
        char *slash = strrchr(group, '/');
        if (slash == NULL) return least;
        *slash = 0;
    }
}

uint32_t wg_cpu_count(void)
{
    cpu_set_t allowed;
    long count = sched_getaffinity(0, sizeof(allowed), &allowed) == 0
                     ? CPU_COUNT(&allowed)
                     : sysconf(_SC_NPROCESSORS_ONLN);
    return WG_MIN((uint32_t)WG_MAX(count, 1), cpu_quota());
}

void wg_cpu_name(char *name, size_t capacity)
{
    char text[4096];
    const char *found = NULL;
    if (read_text("/proc/cpuinfo", text, sizeof(text))) found = strstr(text, "model name");
    if (found != NULL) found = strchr(found, ':');
    if (found == NULL) {
        snprintf(name, capacity, "unknown");
        return;
    }
    found += strspn(found, ": \t");
    snprintf(name, capacity, "%.*s", (int)strcspn(found, "\n"), found);
}
#else
#include <mach/mach.h>
#include <sys/sysctl.h>

static uint64_t sysctl_number(const char *name)
{
    uint64_t number = 0;
    size_t size = sizeof(number);
    return sysctlbyname(name, &number, &size, NULL, 0) == 0 ? number : 0;
}

uint64_t wg_memory_total(void)
{
    return sysctl_number("hw.memsize");
}

uint64_t wg_memory_available(void)
{
    vm_statistics64_data_t pages;
    mach_msg_type_number_t count = HOST_VM_INFO64_COUNT;
    if (host_statistics64(mach_host_self(), HOST_VM_INFO64, (host_info64_t)&pages, &count) != 0)
        return wg_memory_total();
    uint64_t available =
        ((uint64_t)pages.free_count + pages.inactive_count) * (uint64_t)wg_page_size();
    return WG_MIN(available, wg_memory_total());
}

uint64_t wg_memory_resident(void)
{
    mach_task_basic_info_data_t info;
    mach_msg_type_number_t count = MACH_TASK_BASIC_INFO_COUNT;
    if (task_info(mach_task_self(), MACH_TASK_BASIC_INFO, (task_info_t)&info, &count) != 0)
        return 0;
    return info.resident_size;
}

uint64_t wg_memory_resident_peak(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (uint64_t)usage.ru_maxrss : 0;
}

uint32_t wg_cpu_count(void)
{
    return (uint32_t)WG_MAX(sysconf(_SC_NPROCESSORS_ONLN), 1);
}

void wg_cpu_name(char *name, size_t capacity)
{
    size_t size = capacity;
    if (sysctlbyname("machdep.cpu.brand_string", name, &size, NULL, 0) != 0)
        snprintf(name, capacity, "unknown");
}
#endif

// ---- Memory, files, disks -----------------------------------------------------------------------

uint64_t wg_files_open_max(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? (uint64_t)limit.rlim_cur : 256;
}

waggle_status wg_disk_space(const char *path, uint64_t *available, uint64_t *total,
                            waggle_error *error)
{
    struct statvfs info;
    if (statvfs(path, &info) != 0) {
        waggle_status status = errno == ENOENT ? WAGGLE_NOT_FOUND : WAGGLE_IO;
        return wg_fail(error, status, "space of %s: errno %d", path, errno);
    }
    *available = (uint64_t)info.f_bavail * info.f_frsize;
    *total = (uint64_t)info.f_blocks * info.f_frsize;
    return WAGGLE_OK;
}

size_t wg_page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

// Only whole pages within the range may lose their contents; to read, those at its ends count too.
static void advise(const void *data, size_t size, int advice, bool outward)
{
    uintptr_t page = wg_page_size();
    uintptr_t start = (uintptr_t)data;
    uintptr_t end = start + size;
    start = outward ? start & ~(page - 1) : wg_round_up(start, page);
    end = outward ? wg_round_up(end, page) : end & ~(page - 1);
    if (start < end) (void)madvise((void *)start, end - start, advice);
}

void wg_memory_will_need(const void *data, size_t size)
{
    advise(data, size, MADV_WILLNEED, true);
}

void wg_memory_dont_need(const void *data, size_t size)
{
    advise(data, size, MADV_DONTNEED, false);
}

// ---- Environment and terminal -------------------------------------------------------------------

const char *wg_environment(const char *name)
{
    const char *value = getenv(name);
    return value == NULL || *value == 0 ? NULL : value;
}

bool wg_is_terminal(int stream)
{
    return isatty(stream) == 1;
}

uint32_t wg_terminal_width(int stream)
{
    struct winsize size;
    if (ioctl(stream, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    return TERMINAL_WIDTH_DEFAULT;
}

// ---- Interrupts ---------------------------------------------------------------------------------

static volatile sig_atomic_t interrupted;

// The first signal asks; the second ends the process the way it would have without us.
static void on_interrupt(int number)
{
    if (interrupted) {
        signal(number, SIG_DFL);
        raise(number); // pending until this handler returns
        return;
    }
    interrupted = 1;
}

void wg_interrupt_catch(void)
{
    struct sigaction action = {.sa_handler = on_interrupt}; // no SA_RESTART: a blocked read returns
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool wg_interrupted(void)
{
    return interrupted != 0;
}

// ---- Names --------------------------------------------------------------------------------------

bool wg_name_is_safe(const char *name)
{
    size_t length = strlen(name);
    if (length == 0 || length > NAME_SIZE_MAX || name[0] == '.') return false;
    for (const char *at = name; *at != 0; at++) {
        char c = *at;
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool other = (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
        if (!letter && !other) return false;
    }
    return true;
}
