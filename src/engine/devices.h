// A device as waggle.h shows it. Whoever opens a store on it needs its name.
#pragma once

#include "device/device.h"

struct waggle_device {
    wg_device *device;
    char name[32]; // "cpu:0": opens the same device again
};
