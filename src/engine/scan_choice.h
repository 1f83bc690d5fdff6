// AUTO: whether a search reads codes or the rows as they are, by what both were measured to cost. Which is faster depends on
// the data (how much the codes exclude), the machine, and how many queries share a pass, so it is not predicted: for each of
// three classes of query counts both ways are tried, the faster one is taken, and the other is tried again now and then.
// Pure functions of counts and times; the caller keeps other threads out.
#pragma once

#include "base/status.h"

#define WG_SCAN_CLASSES 3u        // one query; a few; as many as are worth a panel
#define WG_SCAN_PANEL_QUERIES 12u // the least of the third class (device/cpu/batch.c)
#define WG_SCAN_SAMPLES 2u        // before a way counts as known: the first may find cold memory
#define WG_SCAN_RETRY 512u        // searches until the slower one is tried again
#define WG_SCAN_NS_LEAST \
    UINT64_C(50000) // shorter searches are too noisy, and fast enough, to learn from

typedef struct wg_scan_cost {
    double ns; // per query and row: an average in which older ones fade
    uint32_t samples;
} wg_scan_cost;

typedef struct wg_scan_class {
    wg_scan_cost f32;
    wg_scan_cost certified;
    uint32_t searches; // since the slower one was tried
} wg_scan_class;

typedef struct wg_scan_choice {
    wg_scan_class classes[WG_SCAN_CLASSES];
} wg_scan_choice;

// F32 or CERTIFIED, for the next search of so many queries.
waggle_scan wg_scan_choose(wg_scan_choice *choice, uint64_t queries);
// A search that took ns did this.
void wg_scan_learn(wg_scan_choice *choice, waggle_scan scan, uint64_t queries, uint64_t rows,
                   uint64_t ns);
