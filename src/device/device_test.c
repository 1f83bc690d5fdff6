#include "device/device.h"
#include "support/test.h"

#include <stdlib.h>

static waggle_error error;

static void with_variable(const char *name, const char *value)
{
    if (value == NULL) {
        unsetenv(name);
    } else {
        setenv(name, value, 1);
    }
}

WG_TEST(backends_come_in_the_order_of_preference_with_their_reasons)
{
    static const char *const names[] = {"cuda", "metal", "hip", "vulkan", "webgpu", "cpu"};

    WG_CHECK_U64(wg_backend_count(), WG_COUNT(names));
    for (uint32_t i = 0; i < WG_COUNT(names); i++) {
        waggle_backend_info info;
        wg_backend_info(i, &info);
        WG_CHECK_TEXT(info.name, names[i]);
        WG_CHECK((info.devices > 0) == (info.reason[0] == '\0'));
        WG_CHECK(info.built == (i == 5));
    }
}

WG_TEST(the_cpu_describes_itself)
{
    waggle_device_info info, open_info;
    wg_device *device = NULL;

    WG_CHECK_U64(wg_device_count(), 1);
    WG_OK(wg_device_info(0, &info, &error));
    WG_CHECK_TEXT(info.backend, "cpu");
    WG_CHECK(info.name[0] != '\0' && info.threads > 0 && info.memory_total > 0);
    WG_CHECK(info.memory_available <= info.memory_total);
    WG_CHECK(strstr(info.simd, "scalar") != NULL && strstr(info.simd, info.driver) != NULL);
    WG_FAILS_WITH(WAGGLE_NOT_FOUND, "device 1 is not among the 1",
                  wg_device_info(1, &info, &error));

    WG_OK(wg_device_open(NULL, 1, &device, &error));
    WG_OK(wg_device_describe(device, &open_info, &error));
    WG_CHECK_TEXT(open_info.driver, wg_device_cpu_simd(device));
    wg_device_close(device);
    wg_device_close(NULL);
}

WG_TEST(devices_open_by_name)
{
    static const char *const good[] = {"cpu", "cpu:0"};
    wg_device *device = NULL;

    for (size_t i = 0; i < WG_COUNT(good); i++) {
        WG_OK(wg_device_open(good[i], 2, &device, &error));
        WG_CHECK_TEXT(device->ops->backend, "cpu");
        wg_device_close(device);
    }
    WG_FAILS_WITH(WAGGLE_UNSUPPORTED, "cuda: not in this version",
                  wg_device_open("cuda", 1, &device, &error));
    WG_FAILS_WITH(WAGGLE_UNSUPPORTED, "vulkan:", wg_device_open("vulkan:1", 1, &device, &error));
    WG_FAILS_WITH(WAGGLE_NOT_FOUND, "no device \"cpu:1\"; there is cpu:0",
                  wg_device_open("cpu:1", 1, &device, &error));
    WG_FAILS_WITH(WAGGLE_NOT_FOUND, "no device \"gpu\"; there is cpu",
                  wg_device_open("gpu", 1, &device, &error));
    WG_FAILS(WAGGLE_NOT_FOUND, wg_device_open("", 1, &device, &error));
    WG_FAILS_WITH(WAGGLE_INVALID, "5000 threads; the most is 1024",
                  wg_device_open("cpu", 5000, &device, &error));
}

WG_TEST(the_environment_names_device_and_level)
{
    wg_device *device = NULL;

    with_variable("WAGGLE_DEVICE", "hip");
    WG_FAILS_WITH(WAGGLE_UNSUPPORTED, "hip:", wg_device_open(NULL, 1, &device, &error));
    WG_OK(wg_device_open("cpu", 1, &device, &error)); // a name goes before it
    wg_device_close(device);
    with_variable("WAGGLE_DEVICE", NULL);

    with_variable("WAGGLE_SIMD", "scalar");
    WG_OK(wg_device_open(NULL, 1, &device, &error));
    WG_CHECK_TEXT(wg_device_cpu_simd(device), "scalar");
    wg_device_close(device);
    with_variable("WAGGLE_SIMD", "mmx");
    WG_FAILS_WITH(WAGGLE_INVALID, "WAGGLE_SIMD: \"mmx\" is no SIMD level",
                  wg_device_open(NULL, 1, &device, &error));
#if defined(__aarch64__)
    with_variable("WAGGLE_SIMD", "avx2");
#else
    with_variable("WAGGLE_SIMD", "neon");
#endif
    WG_FAILS_WITH(WAGGLE_UNSUPPORTED, "cannot be used: it is for another processor",
                  wg_device_open(NULL, 1, &device, &error));
    with_variable("WAGGLE_SIMD", NULL);
}
