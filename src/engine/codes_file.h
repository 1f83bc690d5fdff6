// A codes file: the compressed codes (vector/code.h) of the rows of one sealed part, beside its segment file. Derived data:
// it can be made again from the rows at any time. The bytes are described in docs/formats/codes.md.
#pragma once

#include "device/device.h"
#include "engine/sealed.h"

typedef struct wg_codes_field {
    wg_frame frames[WG_CODE_B1 + 1];
    wg_code_column columns[WG_CODE_B1 + 1]; // as views borrow them; codes NULL = not verified yet
    bool there;
} wg_codes_field;

struct wg_codes {
    wg_segment_file *file;
    wg_mutex verify;           // taken by the first scans
    _Atomic uint32_t verified; // bit i: of field i; release after its columns are set
    _Atomic bool damaged;      // not used any more. Relaxed: who does not see it finds the damage
    bool doomed;               // removed when it is closed; under `verify`
    wg_codes_field fields[];   // of the spec
};

// The kinds of codes that fields with this scan have: bit wg_code_kind.
uint32_t wg_codes_kinds(waggle_scan scan);

// Opens the codes of a part; reads frames, but no codes. fields: those that must be there, a bit each.
// WAGGLE_NOT_FOUND: there is no file. WAGGLE_CORRUPT, WAGGLE_FORMAT_VERSION: it cannot be used, and may be removed.
waggle_status wg_codes_open(wg_vfs *vfs, wg_heap *heap, const char *path, const wg_sealed *sealed,
                            uint32_t fields, wg_codes **codes, waggle_error *error);
void wg_codes_close(wg_codes *codes); // NULL is fine
// Verifies the codes of a field before their first scan; afterwards only a load. *columns NULL = the field has none.
waggle_status wg_codes_ready(wg_codes *codes, uint32_t field, const wg_code_column **columns,
                             waggle_error *error);

// Making a file. go_on is asked at short intervals; false ends it with WAGGLE_CANCELED.
typedef struct wg_codes_job {
    wg_vfs *vfs;
    wg_heap *heap;
    wg_device *device;
    const char *path;
    const wg_sealed *sealed;
    uint32_t fields; // that get codes, a bit each
    uint64_t seed;   // of rotations: any number that whoever made the rows did not know
    bool (*go_on)(void *context);
    void *context;
} wg_codes_job;

// Bytes of the codes and figures that it will write.
uint64_t wg_codes_size(const wg_codes_job *job);
// Writes and syncs the file; after an error there is none. *size is that of the file.
waggle_status wg_codes_write(const wg_codes_job *job, uint64_t *size, waggle_error *error);

// The frame of a field and kind, as its section begins.
#define WG_CODES_FRAME_VERSION 1u
#define WG_CODES_FRAME_SIZE 64u // before the center

static inline uint16_t wg_codes_name(uint32_t field, wg_code_kind kind)
{
    return (uint16_t)(field | (uint32_t)kind << 8);
}

void wg_codes_frame_put(uint8_t head[WG_CODES_FRAME_SIZE], const wg_sealed *sealed, uint32_t field,
                        wg_code_kind kind, const wg_frame *frame);
