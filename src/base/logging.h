// Log lines: one event per line, logfmt: `event=seal collection=movies rows=10000 took_ms=12`.
#pragma once

#include "base/status.h"

typedef struct wg_logger {
    waggle_log_fn log; // NULL = silent
    void *context;
} wg_logger;

// format gives the line behind the level; values with spaces are quoted by the caller with wg_quote.
void wg_log_line(const wg_logger *logger, waggle_log_level level, const char *format, ...)
    WG_PRINTF(3, 4);
// Writes value as a logfmt value: bare if it is plain, else in quotes with escapes. Returns target.
const char *wg_log_quote(char *target, size_t capacity, const char *value);
