// Lets a file of a database claim another format version: the version of a header, and its checksum, are
// replaced. All headers that have a version hold it in bytes 8..11 and end with a CRC32C of what is before it
// (docs/formats/). Has its own CRC32C, so that a mistake in the library's is no excuse.
//
//   format_version FILE VERSION SIZE OFFSET...    SIZE of a header with its checksum, and where headers begin

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_MAX_OF_HEADER 4096u

static uint32_t crc32c(const uint8_t *bytes, size_t size)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82F63B78u : 0);
    }
    return ~crc;
}

static uint32_t get32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

static void put32(uint8_t *bytes, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
}

// 0 = done.
static int change(FILE *file, long offset, size_t size, uint32_t version)
{
    uint8_t header[SIZE_MAX_OF_HEADER];
    if (fseek(file, offset, SEEK_SET) != 0 || fread(header, 1, size, file) != size) return 1;
    if (get32(header + size - 4) != crc32c(header, size - 4)) return 1; // no header
    put32(header + 8, version);
    put32(header + size - 4, crc32c(header, size - 4));
    return fseek(file, offset, SEEK_SET) != 0 || fwrite(header, 1, size, file) != size;
}

int main(int count, char **arguments)
{
    if (count < 5) {
        fprintf(stderr, "usage: %s FILE VERSION SIZE OFFSET...\n", arguments[0]);
        return 2;
    }
    uint32_t version = (uint32_t)strtoul(arguments[2], NULL, 10);
    size_t size = strtoul(arguments[3], NULL, 10);
    FILE *file = fopen(arguments[1], "r+b");
    int failed = file == NULL || size < 16 || size > SIZE_MAX_OF_HEADER;
    for (int i = 4; failed == 0 && i < count; i++)
        failed = change(file, strtol(arguments[i], NULL, 10), size, version);
    if (file != NULL && fclose(file) != 0) failed = 1;
    if (failed != 0) fprintf(stderr, "%s: no header of %zu bytes\n", arguments[1], size);
    return failed;
}
