// Structs of options as the caller's header knows them, brought to the library's size.
#pragma once

#include "base/status.h"

// Copies what the caller gives (NULL = nothing) into target, which is zeroed first: fields that an older header lacks are
// zero, the default. Every such struct begins with uint32_t struct_size.
// WAGGLE_INVALID if struct_size is not set; WAGGLE_UNSUPPORTED if a newer header's field that this library
// does not know is used. what: "waggle_points", for the message.
waggle_status wg_options_read(void *target, size_t target_size, const void *given, const char *what,
                              waggle_error *error);
