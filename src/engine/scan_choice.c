#include "engine/scan_choice.h"

#define WEIGHT 0.25 // of the newest sample: what changed is believed after a handful

static wg_scan_class *class_of(wg_scan_choice *choice, uint64_t queries)
{
    if (queries <= 1) return &choice->classes[0];
    return &choice->classes[queries < WG_SCAN_PANEL_QUERIES ? 1 : 2];
}

waggle_scan wg_scan_choose(wg_scan_choice *choice, uint64_t queries)
{
    wg_scan_class *class = class_of(choice, queries);
    if (class->certified.samples < WG_SCAN_SAMPLES) return WAGGLE_SCAN_CERTIFIED;
    if (class->f32.samples < WG_SCAN_SAMPLES) return WAGGLE_SCAN_F32;
    bool codes = class->certified.ns < class->f32.ns;
    if (++class->searches >= WG_SCAN_RETRY) {
        class->searches = 0;
        codes = !codes;
    }
    return codes ? WAGGLE_SCAN_CERTIFIED : WAGGLE_SCAN_F32;
}

void wg_scan_learn(wg_scan_choice *choice, waggle_scan scan, uint64_t queries, uint64_t rows,
                   uint64_t ns)
{
    if (queries == 0 || rows == 0 || ns < WG_SCAN_NS_LEAST) return;
    wg_scan_class *class = class_of(choice, queries);
    wg_scan_cost *cost = scan == WAGGLE_SCAN_F32 ? &class->f32 : &class->certified;
    double found = (double)ns / ((double)queries * (double)rows);
    // What was found before memory was warm says little.
    bool known = cost->samples >= WG_SCAN_SAMPLES;
    cost->ns = known ? cost->ns + WEIGHT * (found - cost->ns) : found;
    if (!known) cost->samples++;
}
