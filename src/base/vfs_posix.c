// Files of the operating system.
//
// A lock is an open-file-description lock (F_OFD_SETLK): unlike the older record locks it is not lost
// when another handle of the same file is closed. A table of this process's locks stands beside it,
// because a database must exclude itself too, and the message should say that it did.
#include "base/memory.h"
#include "base/thread.h"
#include "base/vfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/vfs.h>
#else
#include <sys/mount.h>
#include <sys/param.h>
#endif

#define IOVEC_BATCH 64u // pieces of one system call; far below IOV_MAX everywhere
#define ALLOCATE_STEP ((size_t)1 << 20)

#if defined(IOV_MAX)
_Static_assert(IOVEC_BATCH <= IOV_MAX, "one call takes a batch of pieces");
#endif
_Static_assert(sizeof(off_t) == 8, "files may be larger than 2 GiB");

typedef struct posix_file {
    wg_file base;
    int fd;
    // A lock only: its place in the table of locks.
    bool locked;
    bool shared;
    dev_t device;
    ino_t inode;
    struct posix_file *next;
    char path[]; // for messages
} posix_file;

static const wg_vfs_ops posix_ops;
static wg_vfs posix_vfs = {&posix_ops};

static pthread_mutex_t locks_guard = PTHREAD_MUTEX_INITIALIZER; // guards locks and their links
static posix_file *locks;

static posix_file *posix_of(wg_file *file)
{
    return (posix_file *)file;
}

// ---- Errors -------------------------------------------------------------------------------------

static waggle_status status_of(int number)
{
    switch (number) {
    case ENOSPC:
    case EDQUOT: return WAGGLE_DISK_FULL;
    case EROFS:
    case EACCES:
    case EPERM: return WAGGLE_READ_ONLY;
    case ENOENT: return WAGGLE_NOT_FOUND;
    case EEXIST: return WAGGLE_EXISTS;
    case ENOMEM: return WAGGLE_OUT_OF_MEMORY;
    default: return WAGGLE_IO;
    }
}

// "write /db/LOG: No space left on device (errno 28)"
static waggle_status fail_errno(waggle_error *error, int number, const char *call, const char *path)
{
    char buffer[128];
    const char *reason = buffer;
#if defined(__GLIBC__)
    reason = strerror_r(number, buffer, sizeof(buffer));
#else
    if (strerror_r(number, buffer, sizeof(buffer)) != 0) reason = "unknown error";
#endif
    return wg_fail(error, status_of(number), "%s %s: %s (errno %d)", call, path, reason, number);
}

// ---- Opening ------------------------------------------------------------------------------------

static int flags_of(wg_open_mode mode)
{
    switch (mode) {
    case WG_OPEN_READ: return O_RDONLY | O_CLOEXEC;
    case WG_OPEN_WRITE: return O_RDWR | O_CLOEXEC;
    case WG_OPEN_CREATE: return O_RDWR | O_CREAT | O_CLOEXEC;
    case WG_OPEN_NEW: return O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC;
    }
    wg_assert_failed("a mode of wg_open_mode", __FILE__, __LINE__);
}

static int open_retrying(const char *path, int flags)
{
    int fd;
    do {
        fd = open(path, flags, 0666);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

static posix_file *file_create(wg_vfs *vfs, const char *path, waggle_error *error)
{
    size_t path_size = strlen(path) + 1;
    size_t size = sizeof(posix_file) + path_size;
    posix_file *file = wg_alloc_zeroed(NULL, WG_MEMORY_OTHER, size);
    if (file == NULL) {
        wg_fail_memory(error, size, "a file handle");
        return NULL;
    }
    file->base.vfs = vfs;
    file->fd = -1;
    memcpy(file->path, path, path_size);
    return file;
}

static void file_destroy(posix_file *file)
{
    if (file->fd >= 0) close(file->fd); // an error here has no remedy: sync came before
    wg_free(file);
}

// A folder opens for reading like a file, and would fail at the first read only.
static waggle_status refuse_folder(const posix_file *file, waggle_error *error)
{
    struct stat info;
    if (fstat(file->fd, &info) != 0) return fail_errno(error, errno, "open", file->path);
    if (S_ISDIR(info.st_mode)) return fail_errno(error, EISDIR, "open", file->path);
    return WAGGLE_OK;
}

static waggle_status posix_open(wg_vfs *vfs, const char *path, wg_open_mode mode, wg_file **file,
                                waggle_error *error)
{
    posix_file *opened = file_create(vfs, path, error);
    if (opened == NULL) return WAGGLE_OUT_OF_MEMORY;

    waggle_status status = WAGGLE_OK;
    opened->fd = open_retrying(path, flags_of(mode));
    if (opened->fd < 0)
        status = fail_errno(error, errno, "open", path);
    else if (mode == WG_OPEN_READ)
        status = refuse_folder(opened, error);
    if (status != WAGGLE_OK) {
        file_destroy(opened);
        return status;
    }
    *file = &opened->base;
    return WAGGLE_OK;
}

// ---- Locks --------------------------------------------------------------------------------------

static bool lock_conflicts(const posix_file *wanted)
{
    for (const posix_file *held = locks; held != NULL; held = held->next) {
        bool same = held->device == wanted->device && held->inode == wanted->inode;
        if (same && !(held->shared && wanted->shared)) return true;
    }
    return false;
}

static void lock_forget(posix_file *file)
{
    posix_file **link = &locks;
    while (*link != file)
        link = &(*link)->next;
    *link = file->next;
}

// 0, or the system's error number; EAGAIN if somebody else holds it.
static int system_lock(int fd, bool shared)
{
    int result;
    do {
#if defined(F_OFD_SETLK)
        struct flock region = {.l_type = shared ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET};
        result = fcntl(fd, F_OFD_SETLK, &region);
#else
        result = flock(fd, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB);
#endif
    } while (result != 0 && errno == EINTR);
    if (result == 0) return 0;
    return errno == EACCES || errno == EWOULDBLOCK ? EAGAIN : errno;
}

// Called with locks_guard held.
static waggle_status lock_take(posix_file *file, waggle_error *error)
{
    struct stat info;
    if (fstat(file->fd, &info) != 0) return fail_errno(error, errno, "lock", file->path);
    file->device = info.st_dev;
    file->inode = info.st_ino;
    if (lock_conflicts(file))
        return wg_fail(error, WAGGLE_LOCKED, "lock %s: held by this process", file->path);
    int number = system_lock(file->fd, file->shared);
    if (number == EAGAIN)
        return wg_fail(error, WAGGLE_LOCKED, "lock %s: held by another process", file->path);
    if (number != 0) return fail_errno(error, number, "lock", file->path);
    file->locked = true;
    file->next = locks;
    locks = file;
    return WAGGLE_OK;
}

static waggle_status posix_lock(wg_vfs *vfs, const char *path, bool shared, wg_file **file,
                                waggle_error *error)
{
    posix_file *opened = file_create(vfs, path, error);
    if (opened == NULL) return WAGGLE_OUT_OF_MEMORY;

    waggle_status status = WAGGLE_OK;
    opened->shared = shared;
    opened->fd = open_retrying(path, O_RDWR | O_CREAT | O_CLOEXEC);
    // A reader needs no permission to write, and its disk may be read-only.
    if (opened->fd < 0 && shared && status_of(errno) == WAGGLE_READ_ONLY)
        opened->fd = open_retrying(path, O_RDONLY | O_CLOEXEC);
    if (opened->fd < 0) {
        status = fail_errno(error, errno, "lock", path);
    } else {
        pthread_mutex_lock(&locks_guard);
        status = lock_take(opened, error);
        pthread_mutex_unlock(&locks_guard);
    }
    if (status != WAGGLE_OK) {
        file_destroy(opened);
        return status;
    }
    *file = &opened->base;
    return WAGGLE_OK;
}

static void posix_close(wg_file *base)
{
    posix_file *file = posix_of(base);
    if (!file->locked) {
        file_destroy(file);
        return;
    }
    // Closing releases the system's lock: under the guard, so that the table never says less.
    pthread_mutex_lock(&locks_guard);
    lock_forget(file);
    file_destroy(file);
    pthread_mutex_unlock(&locks_guard);
}

// ---- Reading and writing ------------------------------------------------------------------------

static waggle_status posix_size(wg_file *base, uint64_t *size, waggle_error *error)
{
    posix_file *file = posix_of(base);
    struct stat info;
    if (fstat(file->fd, &info) != 0) return fail_errno(error, errno, "stat", file->path);
    *size = (uint64_t)info.st_size;
    return WAGGLE_OK;
}

static waggle_status posix_read(wg_file *base, uint64_t offset, void *target, size_t size,
                                size_t *got, waggle_error *error)
{
    posix_file *file = posix_of(base);
    size_t done = 0;
    while (done < size) {
        if (offset + done > INT64_MAX) break; // no file is that long
        ssize_t count =
            pread(file->fd, (uint8_t *)target + done, size - done, (off_t)(offset + done));
        if (count == 0) break;
        if (count > 0)
            done += (size_t)count;
        else if (errno != EINTR)
            return fail_errno(error, errno, "read", file->path);
    }
    *got = done;
    return WAGGLE_OK;
}

// The pieces from (*piece, skip) on as iovecs. Empty pieces take no place.
static int fill_iovecs(struct iovec *iovecs, const wg_piece *pieces, size_t count, size_t skip)
{
    int filled = 0;
    for (size_t i = 0; i < count && filled < (int)IOVEC_BATCH; i++) {
        if (pieces[i].size > skip) {
            union {
                const void *in;
                void *out;
            } start = {.in = (const uint8_t *)pieces[i].data + skip}; // writev only reads it

            iovecs[filled++] = (struct iovec){start.out, pieces[i].size - skip};
        }
        skip = 0;
    }
    return filled;
}

static waggle_status posix_write(wg_file *base, uint64_t offset, const wg_piece *pieces,
                                 size_t count, waggle_error *error)
{
    posix_file *file = posix_of(base);
    struct iovec iovecs[IOVEC_BATCH];
    size_t piece = 0;
    size_t skip = 0; // bytes of pieces[piece] that are written
    for (;;) {
        int filled = fill_iovecs(iovecs, pieces + piece, count - piece, skip);
        if (filled == 0) return WAGGLE_OK;
        ssize_t written = pwritev(file->fd, iovecs, filled, (off_t)offset);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return fail_errno(error, errno, "write", file->path);
        if (written == 0) return fail_errno(error, ENOSPC, "write", file->path);
        offset += (uint64_t)written;
        size_t left = (size_t)written + skip;
        while (piece < count && left >= pieces[piece].size)
            left -= pieces[piece++].size;
        skip = left;
    }
}

static waggle_status posix_sync(wg_file *base, waggle_error *error)
{
    posix_file *file = posix_of(base);
    int result;
    do {
#if defined(F_FULLFSYNC)
        result =
            fcntl(file->fd, F_FULLFSYNC); // fsync of macOS leaves the data in the drive's cache
#else
        result = fdatasync(file->fd);
#endif
    } while (result != 0 && errno == EINTR);
    return result == 0 ? WAGGLE_OK : fail_errno(error, errno, "sync", file->path);
}

static waggle_status posix_truncate(wg_file *base, uint64_t size, waggle_error *error)
{
    posix_file *file = posix_of(base);
    int result;
    do {
        result = ftruncate(file->fd, (off_t)size);
    } while (result != 0 && errno == EINTR);
    return result == 0 ? WAGGLE_OK : fail_errno(error, errno, "truncate", file->path);
}

// Zeros are written and not only reserved: writing into a reserved (unwritten) extent changes metadata
// again, and each later sync would have to commit the journal.
static waggle_status posix_allocate(wg_file *base, uint64_t size, waggle_error *error)
{
    static uint8_t zeros[ALLOCATE_STEP]; // never written; outside the binary, unlike a const array
    uint64_t at = 0;
    waggle_status status = posix_size(base, &at, error);
    while (status == WAGGLE_OK && at < size) {
        wg_piece piece = {zeros, (size_t)WG_MIN(size - at, (uint64_t)ALLOCATE_STEP)};
        status = posix_write(base, at, &piece, 1, error);
        at += piece.size;
    }
    return status;
}

static const uint8_t empty_mapping[1];

static waggle_status posix_map(wg_file *base, wg_mapping *mapping, waggle_error *error)
{
    posix_file *file = posix_of(base);
    uint64_t size = 0;
    waggle_status status = posix_size(base, &size, error);
    if (status != WAGGLE_OK) return status;
    if (size == 0) { // mmap refuses an empty one
        *mapping = (wg_mapping){.data = empty_mapping};
        return WAGGLE_OK;
    }
    void *data = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, file->fd, 0);
    if (data == MAP_FAILED) return fail_errno(error, errno, "map", file->path);
    *mapping = (wg_mapping){.data = data, .size = (size_t)size, .handle = data};
    return WAGGLE_OK;
}

static void posix_unmap(wg_vfs *vfs, wg_mapping *mapping)
{
    (void)vfs;
    if (mapping->size == 0) return;
    int result = munmap(mapping->handle, mapping->size);
    WG_ASSERT(result == 0);
}

// ---- Names --------------------------------------------------------------------------------------

static waggle_status posix_rename(wg_vfs *vfs, const char *from, const char *to,
                                  waggle_error *error)
{
    (void)vfs;
    return rename(from, to) == 0 ? WAGGLE_OK : fail_errno(error, errno, "rename", from);
}

static waggle_status posix_unlink(wg_vfs *vfs, const char *path, waggle_error *error)
{
    (void)vfs;
    return unlink(path) == 0 ? WAGGLE_OK : fail_errno(error, errno, "unlink", path);
}

static waggle_status posix_link(wg_vfs *vfs, const char *from, const char *to, waggle_error *error)
{
    (void)vfs;
    return link(from, to) == 0 ? WAGGLE_OK : fail_errno(error, errno, "link", to);
}

static waggle_status posix_make_dir(wg_vfs *vfs, const char *path, waggle_error *error)
{
    (void)vfs;
    if (mkdir(path, 0777) == 0) return WAGGLE_OK;
    int number = errno;
    struct stat info;
    if (number == EEXIST && stat(path, &info) == 0 && S_ISDIR(info.st_mode)) return WAGGLE_OK;
    return fail_errno(error, number, "make folder", path);
}

static waggle_status posix_remove_dir(wg_vfs *vfs, const char *path, waggle_error *error)
{
    (void)vfs;
    if (rmdir(path) == 0) return WAGGLE_OK;
    int number = errno == EEXIST ? ENOTEMPTY : errno; // POSIX allows either for a folder in use
    return fail_errno(error, number, "remove folder", path);
}

static bool entry_is_folder(DIR *folder, const struct dirent *entry)
{
    if (entry->d_type != DT_UNKNOWN && entry->d_type != DT_LNK) return entry->d_type == DT_DIR;
    struct stat info;
    return fstatat(dirfd(folder), entry->d_name, &info, 0) == 0 && S_ISDIR(info.st_mode);
}

static waggle_status posix_list(wg_vfs *vfs, const char *path, wg_list_fn each, void *context,
                                waggle_error *error)
{
    (void)vfs;
    DIR *folder = opendir(path);
    if (folder == NULL) return fail_errno(error, errno, "list", path);

    waggle_status status = WAGGLE_OK;
    for (;;) {
        errno = 0; // the only way to tell the end from an error
        const struct dirent *entry = readdir(folder);
        if (entry == NULL) {
            if (errno != 0) status = fail_errno(error, errno, "list", path);
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (!each(context, entry->d_name, entry_is_folder(folder, entry))) break;
    }
    closedir(folder);
    return status;
}

static waggle_status posix_sync_dir(wg_vfs *vfs, const char *path, waggle_error *error)
{
    (void)vfs;
    int fd = open_retrying(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return fail_errno(error, errno, "sync folder", path);
    int result;
    do {
        result = fsync(fd);
    } while (result != 0 && errno == EINTR);
    // EINVAL: this file system writes names through and knows no sync of folders.
    int number = result != 0 && errno != EINVAL ? errno : 0;
    close(fd);
    return number == 0 ? WAGGLE_OK : fail_errno(error, number, "sync folder", path);
}

// ---- What sync means ----------------------------------------------------------------------------

#if defined(__linux__)
// The numbers are the kernel's (linux/magic.h).
static const char *file_system_name(uint64_t magic)
{
    static const struct {
        uint64_t magic;
        const char *name;
    } known[] = {
        {0xEF53,     "ext4"    },
        {0x58465342, "xfs"     },
        {0x9123683E, "btrfs"   },
        {0x01021994, "tmpfs"   },
        {0x794C7630, "overlay" },
        {0xF2F52010, "f2fs"    },
        {0x2FC12FC1, "zfs"     },
        {0xCA451A4E, "bcachefs"},
        {0x6969,     "nfs"     },
        {0xFF534D42, "cifs"    },
        {0xFE534D42, "smb2"    },
        {0x65735546, "fuse"    },
        {0x01021997, "9p"      },
        {0x4D44,     "vfat"    },
        {0x2011BAB0, "exfat"   },
        {0x858458F6, "ramfs"   },
        {0x00C36400, "ceph"    },
    };

    for (size_t i = 0; i < WG_COUNT(known); i++)
        if (known[i].magic == magic) return known[i].name;
    return NULL;
}

static void posix_describe(wg_vfs *vfs, const char *path, char *text, size_t capacity)
{
    (void)vfs;
    struct statfs info;
    if (statfs(path, &info) != 0) {
        snprintf(text, capacity, "fdatasync");
        return;
    }
    uint64_t magic = (uint64_t)info.f_type & UINT32_MAX;
    const char *name = file_system_name(magic);
    if (name != NULL)
        snprintf(text, capacity, "fdatasync on %s", name);
    else
        snprintf(text, capacity, "fdatasync on file system %" PRIx64, magic);
}
#else
static void posix_describe(wg_vfs *vfs, const char *path, char *text, size_t capacity)
{
    (void)vfs;
#if defined(F_FULLFSYNC)
    const char *call = "F_FULLFSYNC";
#else
    const char *call = "fdatasync";
#endif
    struct statfs info;
    if (statfs(path, &info) == 0)
        snprintf(text, capacity, "%s on %s", call, info.f_fstypename);
    else
        snprintf(text, capacity, "%s", call);
}
#endif

static const wg_vfs_ops posix_ops = {
    .name = "posix",
    .open = posix_open,
    .close = posix_close,
    .size = posix_size,
    .read = posix_read,
    .write = posix_write,
    .sync = posix_sync,
    .truncate = posix_truncate,
    .allocate = posix_allocate,
    .map = posix_map,
    .unmap = posix_unmap,
    .rename = posix_rename,
    .unlink = posix_unlink,
    .link = posix_link,
    .make_dir = posix_make_dir,
    .remove_dir = posix_remove_dir,
    .list = posix_list,
    .sync_dir = posix_sync_dir,
    .lock = posix_lock,
    .describe = posix_describe,
};

wg_vfs *wg_vfs_posix(void)
{
    return &posix_vfs;
}
