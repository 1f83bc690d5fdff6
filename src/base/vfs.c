// The front of all members of wg_vfs: checks what no member should have to, and forwards.
#include "base/vfs.h"

#include <stdio.h>
#include <string.h>

waggle_status wg_file_open(wg_vfs *vfs, const char *path, wg_open_mode mode, wg_file **file,
                           waggle_error *error)
{
    return vfs->ops->open(vfs, path, mode, file, error);
}

void wg_file_close(wg_file *file)
{
    if (file != NULL) file->vfs->ops->close(file);
}

waggle_status wg_file_size(wg_file *file, uint64_t *size, waggle_error *error)
{
    return file->vfs->ops->size(file, size, error);
}

waggle_status wg_file_read(wg_file *file, uint64_t offset, void *target, size_t size, size_t *got,
                           waggle_error *error)
{
    return file->vfs->ops->read(file, offset, target, size, got, error);
}

waggle_status wg_file_read_all(wg_file *file, uint64_t offset, void *target, size_t size,
                               waggle_error *error)
{
    size_t got = 0;
    waggle_status status = wg_file_read(file, offset, target, size, &got, error);
    if (status != WAGGLE_OK) return status;
    if (got == size) return WAGGLE_OK;
    return wg_fail(error, WAGGLE_CORRUPT, "the file ends after %zu of %zu bytes at offset %" PRIu64,
                   got, size, offset);
}

waggle_status wg_file_write(wg_file *file, uint64_t offset, const void *data, size_t size,
                            waggle_error *error)
{
    wg_piece piece = {data, size};
    return wg_file_write_pieces(file, offset, &piece, 1, error);
}

waggle_status wg_file_write_pieces(wg_file *file, uint64_t offset, const wg_piece *pieces,
                                   size_t count, waggle_error *error)
{
    uint64_t end = offset;
    for (size_t i = 0; i < count; i++) {
        if (__builtin_add_overflow(end, pieces[i].size, &end) || end > INT64_MAX)
            return wg_fail(error, WAGGLE_INVALID,
                           "write of %zu bytes at offset %" PRIu64 " passes the largest offset",
                           pieces[i].size, offset);
    }
    return file->vfs->ops->write(file, offset, pieces, count, error);
}

waggle_status wg_file_sync(wg_file *file, waggle_error *error)
{
    return file->vfs->ops->sync(file, error);
}

static waggle_status check_size(uint64_t size, waggle_error *error)
{
    if (size <= INT64_MAX) return WAGGLE_OK;
    return wg_fail(error, WAGGLE_INVALID, "a file of %" PRIu64 " bytes; the most is %" PRIu64, size,
                   (uint64_t)INT64_MAX);
}

waggle_status wg_file_truncate(wg_file *file, uint64_t size, waggle_error *error)
{
    waggle_status status = check_size(size, error);
    return status != WAGGLE_OK ? status : file->vfs->ops->truncate(file, size, error);
}

waggle_status wg_file_allocate(wg_file *file, uint64_t size, waggle_error *error)
{
    waggle_status status = check_size(size, error);
    return status != WAGGLE_OK ? status : file->vfs->ops->allocate(file, size, error);
}

waggle_status wg_file_map(wg_file *file, wg_mapping *mapping, waggle_error *error)
{
    return file->vfs->ops->map(file, mapping, error);
}

void wg_file_unmap(wg_vfs *vfs, wg_mapping *mapping)
{
    if (mapping->data != NULL) vfs->ops->unmap(vfs, mapping);
    *mapping = (wg_mapping){0};
}

waggle_status wg_vfs_rename(wg_vfs *vfs, const char *from, const char *to, waggle_error *error)
{
    return vfs->ops->rename(vfs, from, to, error);
}

waggle_status wg_vfs_unlink(wg_vfs *vfs, const char *path, waggle_error *error)
{
    return vfs->ops->unlink(vfs, path, error);
}

waggle_status wg_vfs_link(wg_vfs *vfs, const char *from, const char *to, waggle_error *error)
{
    return vfs->ops->link(vfs, from, to, error);
}

waggle_status wg_vfs_make_dir(wg_vfs *vfs, const char *path, waggle_error *error)
{
    return vfs->ops->make_dir(vfs, path, error);
}

waggle_status wg_vfs_remove_dir(wg_vfs *vfs, const char *path, waggle_error *error)
{
    return vfs->ops->remove_dir(vfs, path, error);
}

waggle_status wg_vfs_list(wg_vfs *vfs, const char *path, wg_list_fn each, void *context,
                          waggle_error *error)
{
    return vfs->ops->list(vfs, path, each, context, error);
}

waggle_status wg_vfs_sync_dir(wg_vfs *vfs, const char *path, waggle_error *error)
{
    return vfs->ops->sync_dir(vfs, path, error);
}

waggle_status wg_vfs_lock(wg_vfs *vfs, const char *path, bool shared, wg_file **file,
                          waggle_error *error)
{
    return vfs->ops->lock(vfs, path, shared, file, error);
}

void wg_vfs_describe(wg_vfs *vfs, const char *path, char *text, size_t capacity)
{
    if (capacity > 0) vfs->ops->describe(vfs, path, text, capacity);
}

waggle_status wg_path_join(char *path, const char *folder, const char *name, waggle_error *error)
{
    size_t length = strlen(folder);
    const char *slash = length == 0 || folder[length - 1] == '/' ? "" : "/";
    int written = snprintf(path, WG_PATH_SIZE_MAX, "%s%s%s", folder, slash, name);
    if (written >= 0 && (size_t)written < WG_PATH_SIZE_MAX) return WAGGLE_OK;
    path[0] = 0;
    return wg_fail(error, WAGGLE_INVALID, "a path of %zu bytes (%.40s...); the most is %u",
                   length + strlen(slash) + strlen(name), folder, WG_PATH_SIZE_MAX - 1);
}

bool wg_vfs_exists(wg_vfs *vfs, const char *path)
{
    wg_file *file = NULL;
    waggle_error ignored;
    if (wg_file_open(vfs, path, WG_OPEN_READ, &file, &ignored) != WAGGLE_OK) return false;
    wg_file_close(file);
    return true;
}
