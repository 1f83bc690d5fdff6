// The CPU as one of the backends.
#pragma once

#include "device/device.h"

// What is known without opening it.
waggle_status wg_cpu_info(waggle_device_info *info, waggle_error *error);
