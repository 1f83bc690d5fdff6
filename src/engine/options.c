#include "engine/options.h"

#include <string.h>

#define SIZE_MOST 65536u // beyond it, struct_size was never set

waggle_status wg_options_read(void *target, size_t target_size, const void *given, const char *what,
                              waggle_error *error)
{
    uint32_t size = 0;
    memset(target, 0, target_size);
    if (given == NULL) return WAGGLE_OK;
    memcpy(&size, given, sizeof size);
    if (size < sizeof size || size > SIZE_MOST)
        return wg_fail(
            error, WAGGLE_INVALID,
            "struct_size of %s is %u; set it to sizeof(%s), as the macro of that name does", what,
            size, what);
    const uint8_t *bytes = given;
    for (size_t i = target_size; i < size; i++)
        if (bytes[i] != 0)
            return wg_fail(error, WAGGLE_UNSUPPORTED,
                           "%s has a field at byte %zu that this library (%s) does not know", what,
                           i, waggle_version());
    memcpy(target, given, WG_MIN(target_size, (size_t)size));
    return WAGGLE_OK;
}
