// Streams: any bytes are read to their end or refused, the same way in small and in large pieces.
#include "base/codec.h"

#include <string.h>

#define OUTPUT_SIZE_MAX ((size_t)4 << 20) // packed bytes may stand for any number of others

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Reads in pieces. Returns the status; *sum is a hash of what came, *total its size.
static waggle_status drain(const uint8_t *data, size_t size, size_t piece, uint64_t *sum,
                           size_t *total)
{
    static uint8_t bytes[1 << 16];
    wg_stream *stream = NULL;
    waggle_error error;
    size_t got = piece;
    *sum = 0;
    *total = 0;
    waggle_status status = wg_stream_open_memory("fuzz", data, size, &stream, &error);
    while (status == WAGGLE_OK && got == piece && *total < OUTPUT_SIZE_MAX) {
        status = wg_stream_read(stream, bytes, piece, &got, &error);
        for (size_t i = 0; status == WAGGLE_OK && i < got; i++)
            *sum = *sum * 31 + bytes[i];
        if (status == WAGGLE_OK) *total += got;
        if (stream != NULL) WG_ASSERT(wg_stream_position(stream) <= size);
    }
    wg_stream_close(stream);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t small_sum, large_sum;
    size_t small_total, large_total;
    waggle_status small = drain(data, size, 1 << 10, &small_sum, &small_total);
    waggle_status large = drain(data, size, 1 << 16, &large_sum, &large_total);
    WG_ASSERT(small == large);
    if (small == WAGGLE_OK && large_total < OUTPUT_SIZE_MAX) {
        WG_ASSERT(small_sum == large_sum);
        WG_ASSERT(small_total == large_total);
    }
    return 0;
}
