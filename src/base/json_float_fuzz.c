// Numbers: read as by the C library, and written so that they read back.
#include "base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_SIZE_MAX 4096u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_formats(float number, double wide)
{
    char text[32];
    float number_back;
    double wide_back;
    if (isfinite(number)) {
        size_t size = wg_float_format(number, text);
        WG_ASSERT(size < sizeof text);
        WG_ASSERT(wg_float_parse(text, text + size, &number_back) == text + size);
        WG_ASSERT(memcmp(&number, &number_back, sizeof number) == 0);
    }
    if (isfinite(wide)) {
        size_t size = wg_double_format(wide, text);
        WG_ASSERT(size < sizeof text);
        WG_ASSERT(wg_double_parse(text, text + size, &wide_back) == text + size);
        WG_ASSERT(memcmp(&wide, &wide_back, sizeof wide) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[TEXT_SIZE_MAX + 1];
    float number;
    double wide;
    size_t text_size = WG_MIN(size, TEXT_SIZE_MAX);
    if (text_size > 0) memcpy(text, data, text_size);

    const char *end = wg_float_parse(text, text + text_size, &number);
    WG_ASSERT(wg_double_parse(text, text + text_size, &wide) == end);
    if (end != NULL) { // the C library would read on, as in 0x10
        text[end - text] = '\0';
        float number_expected = strtof(text, NULL);
        double wide_expected = strtod(text, NULL);
        WG_ASSERT(memcmp(&number, &number_expected, sizeof number) == 0);
        WG_ASSERT(memcmp(&wide, &wide_expected, sizeof wide) == 0);
        check_formats(number, wide);
    }
    if (size >= sizeof number + sizeof wide) {
        memcpy(&number, data, sizeof number);
        memcpy(&wide, data + sizeof number, sizeof wide);
        check_formats(number, wide);
    }
    return 0;
}
