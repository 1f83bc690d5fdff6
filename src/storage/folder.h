// A name that was created is durable once its folder is synced.
#pragma once

#include "base/vfs.h"

#include <string.h>

// Syncs the folder that holds path.
static inline waggle_status wg_sync_folder_of(wg_vfs *vfs, const char *path, waggle_error *error)
{
    char folder[WG_PATH_SIZE_MAX] = ".";
    const char *slash = strrchr(path, '/');
    if (slash != NULL) {
        size_t size = slash == path ? 1 : (size_t)(slash - path); // "/" keeps its slash
        if (size >= sizeof(folder))
            return wg_fail(error, WAGGLE_INVALID, "a path of %zu bytes; the most is %u", size,
                           WG_PATH_SIZE_MAX - 1);
        memcpy(folder, path, size);
        folder[size] = '\0';
    }
    return wg_vfs_sync_dir(vfs, folder, error);
}
