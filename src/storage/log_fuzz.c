// Any bytes as a file of the log: checking, opening and reading end with a status, and opening for writing
// leaves a log that goes on.
#include "base/hash.h"
#include "storage/log_format.h"

#define FILE_SIZE 16384u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool each(void *context, const wg_record *record)
{
    uint64_t *sum = context;
    *sum += wg_hash(record->payload, record->size) + record->seq;
    return true;
}

static void done(wg_append *append, waggle_status status, const waggle_error *error)
{
    (void)error;
    *(waggle_status *)append->context = status;
}

// Checksums that the fuzzer could not guess are put right, so that what lies behind them is met.
static void put_checksums_right(uint8_t *block, size_t size)
{
    wg_log_header header = {.number = 1, .epoch = 1, .first = 1, .size = FILE_SIZE};
    if (size <= WG_LOG_DATA_START || block[0] == 'W') return;
    header.follows = block[1] % 4;
    header.committed = header.follows - WG_MIN(header.follows, block[2] % 4u);
    header.first = header.follows + 1 + block[3] % 2;
    uint64_t seq = header.first;
    size_t at = WG_LOG_DATA_START;
    wg_log_header_encode(&header, block);
    while (at + WG_RECORD_HEADER_SIZE <= size) {
        wg_log_entry entry = {
            .seq = seq++,
            .durable = block[at] % 4u,
            .commit = block[at + 1] % 2 == 0,
            .type = block[at + 2],
            .size = block[at + 3],
            .payload = block + at + WG_RECORD_HEADER_SIZE,
        };
        size_t bytes = wg_record_bytes(entry.size);
        if (bytes > size - at || block[at + 4] == 0) return; // the rest stays as it is
        if (entry.durable >= entry.seq) entry.durable = 0;
        uint8_t *padding = block + at + WG_RECORD_HEADER_SIZE + entry.size;
        while (padding < block + at + bytes) {
            *padding++ = 0;
        }
        wg_record_encode(block + at, 0, &entry);
        at += bytes;
    }
}

static void append_and_reopen(const wg_log_options *options, wg_log *log)
{
    waggle_error error;
    waggle_status status = WAGGLE_TIMEOUT;
    wg_piece piece = {"after", 5};
    wg_append append = {.count = 1, .records = &piece, .done = done, .context = &status};
    uint64_t sum = 0;
    WG_ASSERT(wg_log_append(log, &append, &error) == WAGGLE_OK);
    WG_ASSERT(wg_log_flush(log, append.seq, &error) == WAGGLE_OK);
    WG_ASSERT(status == WAGGLE_OK);
    wg_log_close(log);
    WG_ASSERT(wg_log_file_open(options, &log, &error) == WAGGLE_OK);
    WG_ASSERT(wg_log_state_get(log).last == append.seq);
    WG_ASSERT(wg_log_read(log, append.seq, each, &sum, &error) == WAGGLE_OK);
    WG_ASSERT(sum == wg_hash("after", 5) + append.seq);
    wg_log_close(log);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t block[FILE_SIZE];
    waggle_error error;
    wg_file *file = NULL;
    wg_log *log = NULL;
    uint64_t records = 0;
    uint64_t end = 0;
    uint64_t sum = 0;
    size = WG_MIN(size, sizeof(block));
    for (size_t i = 0; i < sizeof(block); i++) {
        block[i] = i < size ? data[i] : 0;
    }
    put_checksums_right(block, size);
    wg_vfs *vfs = wg_vfs_memory_create(NULL);
    WG_ASSERT(vfs != NULL);
    WG_ASSERT(wg_vfs_make_dir(vfs, "/log", &error) == WAGGLE_OK);
    WG_ASSERT(wg_file_open(vfs, "/log/00000001.wlog", WG_OPEN_NEW, &file, &error) == WAGGLE_OK);
    WG_ASSERT(wg_file_write(file, 0, block, sizeof(block), &error) == WAGGLE_OK);
    wg_file_close(file);
    (void)wg_log_file_check(vfs, "/log/00000001.wlog", &records, &end, &error);
    wg_log_options options = {.vfs = vfs, .folder = "/log", .file_size = FILE_SIZE};
    if (wg_log_file_open(&options, &log, &error) == WAGGLE_OK) {
        (void)wg_log_read(log, wg_log_state_get(log).first, each, &sum, &error);
        append_and_reopen(&options, log);
    }
    wg_vfs_memory_destroy(vfs);
    return 0;
}
