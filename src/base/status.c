#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_SIZE sizeof(((waggle_error *)NULL)->message)

const char *waggle_status_name(waggle_status status)
{
    switch (status) {
    case WAGGLE_OK: return "WAGGLE_OK";
    case WAGGLE_INVALID: return "WAGGLE_INVALID";
    case WAGGLE_DIMENSION: return "WAGGLE_DIMENSION";
    case WAGGLE_NOT_FOUND: return "WAGGLE_NOT_FOUND";
    case WAGGLE_EXISTS: return "WAGGLE_EXISTS";
    case WAGGLE_OUT_OF_MEMORY: return "WAGGLE_OUT_OF_MEMORY";
    case WAGGLE_BUDGET: return "WAGGLE_BUDGET";
    case WAGGLE_IO: return "WAGGLE_IO";
    case WAGGLE_DISK_FULL: return "WAGGLE_DISK_FULL";
    case WAGGLE_READ_ONLY: return "WAGGLE_READ_ONLY";
    case WAGGLE_CORRUPT: return "WAGGLE_CORRUPT";
    case WAGGLE_FORMAT_VERSION: return "WAGGLE_FORMAT_VERSION";
    case WAGGLE_LOCKED: return "WAGGLE_LOCKED";
    case WAGGLE_NOT_A_DATABASE: return "WAGGLE_NOT_A_DATABASE";
    case WAGGLE_TIMEOUT: return "WAGGLE_TIMEOUT";
    case WAGGLE_CANCELED: return "WAGGLE_CANCELED";
    case WAGGLE_UNSUPPORTED: return "WAGGLE_UNSUPPORTED";
    case WAGGLE_DEVICE: return "WAGGLE_DEVICE";
    case WAGGLE_DEVICE_MEMORY: return "WAGGLE_DEVICE_MEMORY";
    case WAGGLE_DEVICE_LOST: return "WAGGLE_DEVICE_LOST";
    }
    return "unknown";
}

// Cuts a message that vsnprintf truncated before a broken UTF-8 character, so that it stays text.
static void trim_broken_character(char *message)
{
    size_t size = strlen(message);
    size_t at = size;
    while (at > 0 && size - at < 4 && ((unsigned char)message[at - 1] & 0xC0) == 0x80)
        at--;
    if (at == 0) return;
    unsigned char lead = (unsigned char)message[at - 1];
    size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (lead >= 0xC0 && size - (at - 1) < length) message[at - 1] = 0;
}

// Formats beside the error first: an argument may be the message that is about to be replaced.
static void fill(waggle_error *error, waggle_status status, uint64_t expected, uint64_t actual,
                 const char *format, va_list arguments)
{
    char message[MESSAGE_SIZE];
    int length = vsnprintf(message, sizeof(message), format, arguments);
    if (length < 0) message[0] = 0;
    if (length >= (int)sizeof(message)) trim_broken_character(message);

    error->status = status;
    error->expected = expected;
    error->actual = actual;
    memcpy(error->message, message, sizeof(message));
}

waggle_status wg_fail(waggle_error *error, waggle_status status, const char *format, ...)
{
    if (error == NULL) return status;
    va_list arguments;
    va_start(arguments, format);
    fill(error, status, 0, 0, format, arguments);
    va_end(arguments);
    return status;
}

waggle_status wg_fail_numbers(waggle_error *error, waggle_status status, uint64_t expected,
                              uint64_t actual, const char *format, ...)
{
    if (error == NULL) return status;
    va_list arguments;
    va_start(arguments, format);
    fill(error, status, expected, actual, format, arguments);
    va_end(arguments);
    return status;
}

waggle_status wg_fail_context(waggle_error *error, waggle_status status, const char *format, ...)
{
    if (error == NULL) return status;
    char context[MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    if (vsnprintf(context, sizeof(context), format, arguments) < 0) context[0] = 0;
    va_end(arguments);
    return wg_fail_numbers(error, status, error->expected, error->actual, "%s: %s", context,
                           error->message);
}

waggle_status wg_fail_memory(waggle_error *error, size_t size, const char *what)
{
    return wg_fail(error, WAGGLE_OUT_OF_MEMORY, "out of memory: %zu bytes for %s", size, what);
}

void wg_error_clear(waggle_error *error)
{
    if (error == NULL) return;
    error->status = WAGGLE_OK;
    error->expected = 0;
    error->actual = 0;
    error->message[0] = 0;
}

void wg_assert_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "waggle: broken invariant at %s:%d: %s\n", file, line, condition);
    fflush(stderr);
    abort();
}
