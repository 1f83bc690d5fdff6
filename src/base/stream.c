// Files read from start to end, unpacked on the way.
//
//   file or memory --refill--> input (1 MiB) --unpack--> output (1 MiB, packed files only) --> caller
//
// gzip files may have several members one behind the other and zstd files several frames, as `cat a.gz b.gz`
// makes them. Bytes behind the last one that begin no other are damage, not padding; so is a file that
// ends within one: WAGGLE_CORRUPT, with the offset in the file.
#include "base/codec_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define WINDOW_SIZE ((size_t)1 << 20)
#define GZIP_WINDOW_BITS (15 + 16) // the largest window, with gzip's header and trailer

typedef enum packing {
    PACKING_NONE,
    PACKING_GZIP,
    PACKING_ZSTD,
} packing;

// Bytes that are there and not yet taken.
typedef struct window {
    uint8_t *data;
    size_t at;
    size_t size;
} window;

struct wg_stream {
    char *name; // as it stands in messages
    int file;   // -1: bytes in memory
    const uint8_t *memory;
    size_t memory_left;
    uint64_t file_size; // 0 = unknown
    uint64_t file_read; // bytes taken from the file so far
    bool file_ended;

    packing packing;
    bool between; // at the end of a member or frame: the file may end here
    z_stream gzip;
    bool gzip_ready;
    wg_zstd_unpacker *zstd;

    window input;
    window output;
};

// ---- The file ----------------------------------------------------------------------------------

static uint64_t input_offset(const wg_stream *stream)
{
    return stream->file_read - (stream->input.size - stream->input.at);
}

static waggle_status fail_system(waggle_error *error, const char *call, const char *name)
{
    waggle_status status = errno == ENOENT || errno == ENOTDIR ? WAGGLE_NOT_FOUND : WAGGLE_IO;
    return wg_fail(error, status, "%s: %s: %s", name, call, strerror(errno));
}

// Up to size bytes of the file; *got is 0 only at its end.
static waggle_status file_read(wg_stream *stream, void *target, size_t size, size_t *got,
                               waggle_error *error)
{
    *got = 0;
    if (stream->file_ended) return WAGGLE_OK;
    if (stream->file < 0) {
        *got = WG_MIN(size, stream->memory_left);
        if (*got > 0) memcpy(target, stream->memory, *got);
        stream->memory += *got;
        stream->memory_left -= *got;
    } else {
        ssize_t result;
        do {
            result = read(stream->file, target, size);
        } while (result < 0 && errno == EINTR);
        if (result < 0) return fail_system(error, "read", stream->name);
        *got = (size_t)result;
    }
    stream->file_ended = *got == 0;
    stream->file_read += *got;
    return WAGGLE_OK;
}

// Puts more bytes behind those of the input that are left.
static waggle_status refill(wg_stream *stream, waggle_error *error)
{
    window *input = &stream->input;
    if (input->at > 0) memmove(input->data, input->data + input->at, input->size - input->at);
    input->size -= input->at;
    input->at = 0;

    size_t got;
    waggle_status status =
        file_read(stream, input->data + input->size, WINDOW_SIZE - input->size, &got, error);
    input->size += got;
    return status;
}

// ---- Unpacking ---------------------------------------------------------------------------------

static waggle_status fail_damaged(const wg_stream *stream, const char *what, waggle_error *error)
{
    return wg_fail(error, WAGGLE_CORRUPT, "%s: damaged at byte %" PRIu64 ": %s", stream->name,
                   input_offset(stream), what);
}

static bool is_gzip(const window *input)
{
    const uint8_t *bytes = input->data + input->at;
    return input->size - input->at >= 2 && bytes[0] == 0x1F && bytes[1] == 0x8B;
}

static bool is_zstd(const window *input)
{
    size_t left = input->size - input->at;
    return left >= WG_ZSTD_MAGIC_SIZE && wg_zstd_begins_frame(input->data + input->at);
}

// A bit of output from the input at hand. Advances both windows, and sets between.
static waggle_status unpack_gzip(wg_stream *stream, waggle_error *error)
{
    window *input = &stream->input, *output = &stream->output;
    z_stream *gzip = &stream->gzip;

    if (stream->between && inflateReset(gzip) != Z_OK) {
        return fail_damaged(stream, "gzip: not reset", error);
    }
    gzip->next_in = input->data + input->at;
    gzip->avail_in = (uInt)(input->size - input->at);
    gzip->next_out = output->data;
    gzip->avail_out = (uInt)WINDOW_SIZE;
    int result = inflate(gzip, Z_NO_FLUSH);
    input->at = input->size - gzip->avail_in;
    output->at = 0;
    output->size = WINDOW_SIZE - gzip->avail_out;
    stream->between = result == Z_STREAM_END;

    switch (result) {
    case Z_OK:
    case Z_STREAM_END:
    case Z_BUF_ERROR: return WAGGLE_OK; // BUF_ERROR: it needs more input
    case Z_MEM_ERROR: return wg_fail_memory(error, 0, "unpacking gzip");
    default: return fail_damaged(stream, gzip->msg != NULL ? gzip->msg : "gzip", error);
    }
}

static waggle_status unpack_zstd(wg_stream *stream, waggle_error *error)
{
    window *input = &stream->input, *output = &stream->output;
    size_t consumed = input->size - input->at, written = WINDOW_SIZE;

    const char *wrong = wg_zstd_unpack(stream->zstd, input->data + input->at, &consumed,
                                       output->data, &written, &stream->between);
    if (wrong != NULL) return fail_damaged(stream, wrong, error);
    input->at += consumed;
    output->at = 0;
    output->size = written;
    return WAGGLE_OK;
}

// Fills the output; it stays empty only at the end of the file.
static waggle_status unpack(wg_stream *stream, waggle_error *error)
{
    waggle_status status = WAGGLE_OK;
    window *input = &stream->input;

    stream->output.at = stream->output.size = 0;
    while (status == WAGGLE_OK && stream->output.size == 0) {
        bool starved = input->at == input->size;
        if (starved || (stream->between && input->size - input->at < WG_ZSTD_MAGIC_SIZE)) {
            uint64_t before = stream->file_read;
            status = refill(stream, error);
            if (status != WAGGLE_OK) return status;
            if (stream->file_read > before) continue;
            if (starved) break;
        }
        bool packed = stream->packing == PACKING_GZIP ? is_gzip(input) : is_zstd(input);
        if (stream->between && !packed) {
            return fail_damaged(stream, "more bytes behind the end of the packed data", error);
        }
        status = stream->packing == PACKING_GZIP ? unpack_gzip(stream, error)
                                                 : unpack_zstd(stream, error);
    }
    if (status == WAGGLE_OK && stream->output.size == 0 && !stream->between) {
        return wg_fail(error, WAGGLE_CORRUPT,
                       "%s: truncated at byte %" PRIu64 ", within its packed data", stream->name,
                       input_offset(stream));
    }
    return status;
}

// ---- The stream --------------------------------------------------------------------------------

static voidpf gzip_alloc(voidpf context, uInt count, uInt size)
{
    (void)context;
    size_t bytes;
    return wg_size_mul(count, size, &bytes) ? wg_alloc(NULL, WG_MEMORY_SCRATCH, bytes) : NULL;
}

static void gzip_free(voidpf context, voidpf memory)
{
    (void)context;
    wg_free(memory);
}

// Looks at the first bytes, and prepares for what they are.
static waggle_status begin_packing(wg_stream *stream, waggle_error *error)
{
    window *input = &stream->input;
    while (input->size < WG_ZSTD_MAGIC_SIZE && !stream->file_ended) {
        waggle_status status = refill(stream, error);
        if (status != WAGGLE_OK) return status;
    }

    stream->between = true;
    if (is_gzip(input)) {
        stream->packing = PACKING_GZIP;
        stream->gzip.zalloc = gzip_alloc;
        stream->gzip.zfree = gzip_free;
        stream->gzip_ready = inflateInit2(&stream->gzip, GZIP_WINDOW_BITS) == Z_OK;
        if (!stream->gzip_ready) return wg_fail_memory(error, 0, "unpacking gzip");
    } else if (is_zstd(input)) {
        stream->packing = PACKING_ZSTD;
        stream->zstd = wg_zstd_unpacker_create();
        if (stream->zstd == NULL) return wg_fail_memory(error, 0, "unpacking zstd");
    } else {
        return WAGGLE_OK;
    }
    stream->output.data = wg_alloc(NULL, WG_MEMORY_SCRATCH, WINDOW_SIZE);
    if (stream->output.data == NULL) return wg_fail_memory(error, WINDOW_SIZE, "unpacking");
    return WAGGLE_OK;
}

static waggle_status open_file(wg_stream *stream, const char *path, waggle_error *error)
{
    struct stat facts;
    bool standard = strcmp(path, "-") == 0;
    stream->file = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (stream->file < 0) return fail_system(error, "open", stream->name);
    if (fstat(stream->file, &facts) != 0) return fail_system(error, "stat", stream->name);
    if (S_ISDIR(facts.st_mode)) {
        return wg_fail(error, WAGGLE_INVALID, "%s: is a directory, not a file", stream->name);
    }
    if (S_ISREG(facts.st_mode)) {
        stream->file_size = (uint64_t)facts.st_size;
        posix_fadvise(stream->file, 0, 0, POSIX_FADV_SEQUENTIAL);
    }
    return WAGGLE_OK;
}

// The parts that all streams have. NULL = no memory.
static wg_stream *stream_create(const char *name)
{
    wg_stream *stream = wg_alloc_zeroed(NULL, WG_MEMORY_SCRATCH, sizeof *stream);
    if (stream == NULL) return NULL;
    stream->file = -1;
    stream->name = wg_strdup(NULL, WG_MEMORY_SCRATCH, name);
    stream->input.data = wg_alloc(NULL, WG_MEMORY_SCRATCH, WINDOW_SIZE);
    if (stream->name != NULL && stream->input.data != NULL) return stream;
    wg_stream_close(stream);
    return NULL;
}

waggle_status wg_stream_open(const char *path, wg_stream **stream, waggle_error *error)
{
    wg_stream *opened = stream_create(strcmp(path, "-") == 0 ? "standard input" : path);
    if (opened == NULL) return wg_fail_memory(error, WINDOW_SIZE, "reading a file");

    waggle_status status = open_file(opened, path, error);
    if (status == WAGGLE_OK) status = begin_packing(opened, error);
    if (status != WAGGLE_OK) {
        wg_stream_close(opened);
        return status;
    }
    *stream = opened;
    return WAGGLE_OK;
}

waggle_status wg_stream_open_memory(const char *name, const void *data, size_t size,
                                    wg_stream **stream, waggle_error *error)
{
    wg_stream *opened = stream_create(name);
    if (opened == NULL) return wg_fail_memory(error, WINDOW_SIZE, "reading bytes");
    opened->memory = data;
    opened->memory_left = size;
    opened->file_size = size;

    waggle_status status = begin_packing(opened, error);
    if (status != WAGGLE_OK) {
        wg_stream_close(opened);
        return status;
    }
    *stream = opened;
    return WAGGLE_OK;
}

void wg_stream_close(wg_stream *stream)
{
    if (stream == NULL) return;
    if (stream->gzip_ready) inflateEnd(&stream->gzip);
    wg_zstd_unpacker_destroy(stream->zstd);
    if (stream->file > STDIN_FILENO) close(stream->file);
    wg_free(stream->output.data);
    wg_free(stream->input.data);
    wg_free(stream->name);
    wg_free(stream);
}

static size_t take(window *source, void *target, size_t size)
{
    size_t taken = WG_MIN(size, source->size - source->at);
    if (taken > 0) memcpy(target, source->data + source->at, taken);
    source->at += taken;
    return taken;
}

waggle_status wg_stream_read(wg_stream *stream, void *target, size_t size, size_t *got,
                             waggle_error *error)
{
    uint8_t *bytes = target;
    bool plain = stream->packing == PACKING_NONE;
    window *source = plain ? &stream->input : &stream->output;

    *got = 0;
    while (*got < size) {
        size_t taken = take(source, bytes + *got, size - *got);
        *got += taken;
        if (taken > 0) continue;

        waggle_status status;
        if (plain && size - *got >= WINDOW_SIZE) { // no need to copy large reads
            status = file_read(stream, bytes + *got, size - *got, &taken, error);
            *got += taken;
            if (status == WAGGLE_OK && taken == 0) break;
        } else {
            status = plain ? refill(stream, error) : unpack(stream, error);
            if (status == WAGGLE_OK && source->at == source->size) break;
        }
        if (status != WAGGLE_OK) return status;
    }
    return WAGGLE_OK;
}

// Passes over bytes of a plain file or of memory that are not in the input yet. 0 = it has to read them.
static uint64_t seek(wg_stream *stream, uint64_t size)
{
    uint64_t left = stream->file_size - WG_MIN(stream->file_read, stream->file_size);
    uint64_t step = WG_MIN(size, left);
    if (stream->packing != PACKING_NONE || stream->input.at < stream->input.size) return 0;
    if (stream->file < 0) {
        stream->memory += step;
        stream->memory_left -= step;
    } else if (lseek(stream->file, (off_t)step, SEEK_CUR) < 0) {
        return 0; // a pipe
    }
    stream->file_read += step;
    return step;
}

waggle_status wg_stream_skip(wg_stream *stream, uint64_t size, uint64_t *skipped,
                             waggle_error *error)
{
    uint8_t bytes[4096];
    *skipped = 0;
    while (*skipped < size) {
        uint64_t step = seek(stream, size - *skipped);
        if (step == 0) {
            size_t got;
            size_t some = WG_MIN(size - *skipped, sizeof bytes);
            waggle_status status = wg_stream_read(stream, bytes, some, &got, error);
            if (status != WAGGLE_OK) return status;
            if (got == 0) break;
            step = got;
        }
        *skipped += step;
    }
    return WAGGLE_OK;
}

uint64_t wg_stream_position(const wg_stream *stream)
{
    return input_offset(stream);
}

uint64_t wg_stream_size(const wg_stream *stream)
{
    return stream->file_size;
}

bool wg_stream_is_plain(const wg_stream *stream)
{
    return stream->packing == PACKING_NONE;
}
