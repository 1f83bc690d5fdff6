#include "base/system.h"
#include "support/test.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static waggle_error error;

WG_TEST(clocks_go_forward_and_tell_the_time)
{
    const wg_clock *clock = wg_clock_system();
    uint64_t start = wg_clock_ns(clock);
    wg_sleep_ms(5);
    uint64_t passed = wg_clock_ns(clock) - start;
    WG_CHECK(passed >= 4900000 && passed < 5000000000);
    uint64_t now = clock->unix_ms(clock->context);
    WG_CHECK(now > 1700000000000 && now < 10000000000000); // 2023 to 2286
    WG_CHECK(wg_now_ns() >= start);
}

WG_TEST(random_numbers_differ)
{
    const wg_clock *clock = wg_clock_system();
    uint64_t first = clock->random(clock->context);
    WG_CHECK(clock->random(clock->context) != first);
}

WG_TEST(processes_are_alive_until_they_end)
{
    WG_CHECK(wg_process_alive(wg_process_id()));
    WG_CHECK(wg_process_alive(1));
    WG_CHECK(!wg_process_alive(0));
    WG_CHECK(!wg_process_alive(UINT64_MAX));
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) _exit(0);
    WG_CHECK(waitpid(child, NULL, 0) == child);
    WG_CHECK(!wg_process_alive((uint64_t)child));
}

WG_TEST(the_machine_has_plausible_figures)
{
    WG_CHECK(wg_cpu_count() >= 1 && wg_cpu_count() < 100000);
    uint64_t total = wg_memory_total();
    WG_CHECK(total > 16 << 20);
    WG_CHECK(total <= (uint64_t)sysconf(_SC_PHYS_PAGES) * wg_page_size());
    WG_CHECK(wg_memory_available() > 0 && wg_memory_available() <= total);
    WG_CHECK(wg_memory_resident() > 100 << 10 && wg_memory_resident() <= total);
    WG_CHECK(wg_memory_resident_peak() >= wg_memory_resident() / 2);
    WG_CHECK(wg_files_open_max() >= 16);
    WG_CHECK(wg_page_size() >= 4096 && (wg_page_size() & (wg_page_size() - 1)) == 0);
    char name[64] = "";
    wg_cpu_name(name, sizeof(name));
    WG_CHECK(strlen(name) > 2 && strchr(name, '\n') == NULL);
    char small[4] = "xxx";
    wg_cpu_name(small, sizeof(small));
    WG_CHECK(strlen(small) == 3);
}

WG_TEST(resident_memory_follows_what_is_touched)
{
    size_t size = 32 << 20;
    uint64_t before = wg_memory_resident();
    uint8_t *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    WG_CHECK(memory != MAP_FAILED);
    memset(memory, 1, size);
    WG_CHECK(wg_memory_resident() >= before + size / 2);
    WG_CHECK(wg_memory_resident_peak() >= before + size / 2);
    // Of a range that begins and ends within pages, only the whole pages may go.
    wg_memory_dont_need(memory + 1, size - 2);
    WG_CHECK(memory[0] == 1 && memory[size - 1] == 1 && memory[size / 2] == 0);
    wg_memory_dont_need(memory + 1, 10);
    WG_CHECK(memory[5] == 1);
    wg_memory_will_need(memory + 100, size - 200);
    wg_memory_will_need(memory, 0);
    munmap(memory, size);
}

WG_TEST(the_space_of_a_disk_is_known_and_a_missing_path_named)
{
    uint64_t available, total;
    WG_OK(wg_disk_space("/", &available, &total, &error));
    WG_CHECK(total > 0 && available <= total);
    WG_FAILS_WITH(WAGGLE_NOT_FOUND, "/no/such",
                  wg_disk_space("/no/such", &available, &total, &error));
}

WG_TEST(an_empty_variable_is_like_none)
{
    setenv("WAGGLE_TEST_VARIABLE", "value", 1);
    WG_CHECK_TEXT(wg_environment("WAGGLE_TEST_VARIABLE"), "value");
    setenv("WAGGLE_TEST_VARIABLE", "", 1);
    WG_CHECK(wg_environment("WAGGLE_TEST_VARIABLE") == NULL);
    unsetenv("WAGGLE_TEST_VARIABLE");
    WG_CHECK(wg_environment("WAGGLE_TEST_VARIABLE") == NULL);
}

WG_TEST(a_pipe_is_no_terminal_and_has_the_default_width)
{
    int pair[2];
    WG_CHECK(pipe(pair) == 0);
    WG_CHECK(!wg_is_terminal(pair[0]));
    WG_CHECK_U64(wg_terminal_width(pair[0]), 80);
    close(pair[0]);
    close(pair[1]);
}

// In a child: the first signal is caught, the second ends the process by its default.
static int interrupted_child(int first, int second)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        wg_interrupt_catch();
        if (wg_interrupted()) _exit(1);
        raise(first);
        if (!wg_interrupted()) _exit(2);
        if (second == 0) _exit(42);
        raise(second);
        _exit(3);
    }
    int how = 0;
    WG_CHECK(waitpid(child, &how, 0) == child);
    return WIFEXITED(how) ? WEXITSTATUS(how) : -WTERMSIG(how);
}

WG_TEST(one_interrupt_asks_and_a_second_one_ends_the_process)
{
    WG_CHECK(interrupted_child(SIGINT, 0) == 42);
    WG_CHECK(interrupted_child(SIGTERM, 0) == 42);
    WG_CHECK(interrupted_child(SIGINT, SIGINT) == -SIGINT);
    WG_CHECK(interrupted_child(SIGINT, SIGTERM) == -SIGTERM);
}

WG_TEST(names_that_may_stand_in_paths_are_told_from_others)
{
    static const char *const good[] = {"a", "Movies-2024_v1.2", "0", "-", "a..b"};
    static const char *const bad[] = {"",    ".",   "..",           ".hidden",
                                      "a/b", "a b", "bl\xC3\xBCte", "a\n"};
    char text[257];
    for (size_t i = 0; i < WG_COUNT(good); i++)
        WG_CHECK(wg_name_is_safe(good[i]));
    for (size_t i = 0; i < WG_COUNT(bad); i++)
        WG_CHECK(!wg_name_is_safe(bad[i]));
    memset(text, 'x', 256);
    text[256] = 0;
    WG_CHECK(!wg_name_is_safe(text));
    text[255] = 0;
    WG_CHECK(wg_name_is_safe(text));
}
