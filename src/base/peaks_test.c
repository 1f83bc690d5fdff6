#include "base/peaks.h"
#include "support/test.h"

WG_TEST(a_peak_is_a_rate_that_a_core_can_have)
{
    waggle_error error = {0};
    static const wg_peak kinds[] = {WG_PEAK_F32, WG_PEAK_BYTES};

    for (size_t i = 0; i < WG_COUNT(kinds); i++) {
        double rate = 0;
        if (wg_peak_name(kinds[i]) == NULL) {
            WG_FAILS(WAGGLE_UNSUPPORTED, wg_peak_measure(kinds[i], 1, &rate, &error));
            WG_CHECK(rate == 0);
            continue;
        }
        WG_OK(wg_peak_measure(kinds[i], 1, &rate, &error));
        WG_CHECK(rate > 1e8 && rate < 1e13);
    }
}

WG_TEST(threads_are_counted_together)
{
    waggle_error error = {0};
    double rate = 0;

    if (wg_peak_name(WG_PEAK_F32) == NULL) WG_SKIP("there is no probe for this processor");
    WG_OK(wg_peak_measure(WG_PEAK_F32, 3, &rate, &error));
    WG_CHECK(rate > 1e8 && rate < 1e14);
    WG_OK(wg_peak_measure(WG_PEAK_F32, 0, &rate, &error)); // none is one
    WG_CHECK(rate > 1e8 && rate < 1e14);
}
