#include "base/logging.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LINE_SIZE 2048u // a longer line is cut: lines are for people and grep

void wg_log_line(const wg_logger *logger, waggle_log_level level, const char *format, ...)
{
    if (logger == NULL || logger->log == NULL) return;
    char line[LINE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    if (length < 0) return;
    // An event is one line, whatever a value holds that was not quoted.
    for (char *at = line; *at != 0; at++)
        if ((unsigned char)*at < ' ') *at = ' ';
    logger->log(logger->context, level, line);
}

static bool is_plain(const char *value)
{
    if (*value == 0) return false;
    for (const unsigned char *at = (const unsigned char *)value; *at != 0; at++)
        if (*at <= ' ' || *at == 0x7F || *at == '"' || *at == '=' || *at == '\\') return false;
    return true;
}

// The form of one byte within quotes, at most six bytes and NUL. Returns its length.
static size_t escape(unsigned char byte, char text[8])
{
    const char *special = "\"\\\n\r\t";
    const char *letters = "\"\\nrt";
    const char *found = byte == 0 ? NULL : strchr(special, byte);
    if (found != NULL) return (size_t)snprintf(text, 8, "\\%c", letters[found - special]);
    if (byte < ' ' || byte == 0x7F) return (size_t)snprintf(text, 8, "\\u%04x", byte);
    text[0] = (char)byte;
    text[1] = 0;
    return 1;
}

// Cuts at the capacity, but never within an escape, and always closes the quotes.
static void write_quoted(char *target, size_t capacity, const char *value)
{
    size_t size = 0;
    target[size++] = '"';
    for (const unsigned char *at = (const unsigned char *)value; *at != 0; at++) {
        char text[8];
        size_t length = escape(*at, text);
        if (size + length + 2 > capacity) break;
        memcpy(target + size, text, length);
        size += length;
    }
    target[size++] = '"';
    target[size] = 0;
}

const char *wg_log_quote(char *target, size_t capacity, const char *value)
{
    WG_ASSERT(capacity >= 3); // room for empty quotes
    if (is_plain(value) && strlen(value) < capacity)
        memcpy(target, value, strlen(value) + 1);
    else
        write_quoted(target, capacity, value);
    return target;
}
