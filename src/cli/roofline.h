// A roofline plot as SVG: how fast batches ran, below what the machine allows. Williams, Waterman & Patterson, CACM 52(4), 2009,
// doi:10.1145/1498765.1498785.
//
//   x  operations per byte that is read: 2 * dim * queries over the size of the rows, logarithmic
//   y  operations per second, logarithmic
//
// The memory's roof rises with x (bandwidth times x) until the roof of the arithmetic. The file needs nothing else: no
// script, no style sheet, and the fonts that the viewer has.
#pragma once

#include "base/memory.h"

#define CLI_ROOFLINE_POINTS_MAX 16u

typedef struct cli_roofline_point {
    char label[32];    // "batch 100"
    double intensity;  // operations per byte, > 0
    double operations; // per second, > 0
} cli_roofline_point;

typedef struct cli_roofline {
    const char *title;    // any text
    const char *subtitle; // where it was measured; may be NULL
    const char *unit;     // of operations: "FLOP" or "OP"
    double bandwidth;     // bytes per second, > 0
    double peak;          // operations per second; 0 = was not probed, and has no roof
    uint32_t count;
    cli_roofline_point points[CLI_ROOFLINE_POINTS_MAX];
} cli_roofline;

// Appends the whole file to *svg. WAGGLE_INVALID if a number is not positive and finite.
waggle_status cli_roofline_write(const cli_roofline *plot, wg_buffer *svg, waggle_error *error);
