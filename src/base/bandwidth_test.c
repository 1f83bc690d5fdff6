#include "base/bandwidth.h"
#include "base/memory.h"
#include "support/test.h"

WG_TEST(every_word_is_summed)
{
    const size_t count = 2048 * 4;
    uint64_t expected = 0;
    uint64_t *data = wg_pages_alloc(NULL, WG_MEMORY_SCRATCH, count * sizeof(*data));

    WG_CHECK(data != NULL);
    test_random random = {test_seed(11)};
    for (size_t i = 0; i < count; i++) {
        data[i] = test_next(&random);
        expected += data[i];
    }
    WG_CHECK(wg_bandwidth_sum(data, count) == expected);
    WG_CHECK(wg_bandwidth_sum(data, 0) == 0);
    wg_pages_free(NULL, WG_MEMORY_SCRATCH, data, count * sizeof(*data));
}

WG_TEST(a_pass_reads_the_whole_buffer_with_any_number_of_threads)
{
    waggle_error error = {0};

    for (uint32_t threads = 1; threads <= 3; threads++) {
        wg_bandwidth bandwidth = {0};
        double rate = 0;
        uint64_t expected = 0;
        WG_OK(wg_bandwidth_open(&bandwidth, (size_t)1 << 20, threads, &error));
        WG_CHECK(bandwidth.size > (size_t)1 << 19 && bandwidth.size <= (size_t)1 << 20);
        for (size_t i = 0; i < bandwidth.size / sizeof(uint64_t); i++) {
            expected += bandwidth.data[i];
        }
        WG_OK(wg_bandwidth_pass(&bandwidth, &rate, &error));
        WG_CHECK(atomic_load(&bandwidth.sink) == expected);
        WG_CHECK(rate > 1e6 && rate < 1e14);
        WG_OK(wg_bandwidth_measure(&bandwidth, 5, &rate, &error));
        WG_CHECK(rate > 1e6 && rate < 1e14);
        wg_bandwidth_close(&bandwidth);
        wg_bandwidth_close(&bandwidth);
    }
}

WG_TEST(a_tiny_buffer_is_rounded_up)
{
    waggle_error error = {0};
    wg_bandwidth bandwidth = {0};
    double rate = 0;

    WG_OK(wg_bandwidth_open(&bandwidth, 1, 2, &error));
    WG_CHECK_U64(bandwidth.size, 2 * 2048 * sizeof(uint64_t));
    WG_OK(wg_bandwidth_pass(&bandwidth, &rate, &error));
    wg_bandwidth_close(&bandwidth);
}

WG_TEST(quantiles_are_values_of_the_sample)
{
    double values[] = {5, 1, 4, 2, 3};
    double one[] = {7};

    WG_CHECK(wg_quantile(values, 5, 0.5) == 3);
    WG_CHECK(wg_quantile(values, 5, 0) == 1);
    WG_CHECK(wg_quantile(values, 5, 0.99) == 5);
    WG_CHECK(wg_quantile(values, 5, 1) == 5);
    WG_CHECK(wg_quantile(values, 5, 0.4) == 2);
    WG_CHECK(wg_quantile(one, 1, 0.5) == 7);
    WG_CHECK(wg_quantile(NULL, 0, 0.5) == 0);
}
