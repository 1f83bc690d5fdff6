// Reads codes files. One is a segment file (storage/segment.h) of one part; per field and kind of code it has a frame, the
// codes and their figures. The frame says which part the file belongs to: a file that is left from another one, or was
// cut, or damaged, is refused as a whole, and what follows from that is up to codes.c.
//
//   frame   0  4  version, 1                   4  4  kind of code           8  4  metric         12  4  type of the rows
//          16  4  dim                         20  4  flags; 1 = rotated    24  8  seed           32  8  rows
//          40  8  number of the segment file  48  4  part                  52  4  CRC32C of its footer
//          56  4  index of the vector         60  4  zero                  64     center, dim f32
#include "engine/codes_file.h"

#include "base/bytes.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define FLAG_ROTATED 1u

static_assert(sizeof(wg_code_figures) == 16, "figures are mapped as they are");

uint32_t wg_codes_kinds(waggle_scan scan)
{
    switch (scan) {
    case WAGGLE_SCAN_AUTO:
    case WAGGLE_SCAN_CERTIFIED: return 1u << WG_CODE_I8 | 1u << WG_CODE_I4;
    case WAGGLE_SCAN_PROBABLE: return 1u << WG_CODE_I8 | 1u << WG_CODE_I4 | 1u << WG_CODE_B1;
    case WAGGLE_SCAN_DEFAULT:
    case WAGGLE_SCAN_F32: break;
    }
    return 0;
}

// All but the version, flags and seed follow from the part: a file that was made from it has these very bytes.
void wg_codes_frame_put(uint8_t head[WG_CODES_FRAME_SIZE], const wg_sealed *sealed, uint32_t field,
                        wg_code_kind kind, const wg_frame *frame)
{
    const wg_vector_field *spec = &sealed->spec->fields[field];
    memset(head, 0, WG_CODES_FRAME_SIZE);
    wg_put32(head, WG_CODES_FRAME_VERSION);
    wg_put32(head + 4, kind);
    wg_put32(head + 8, spec->metric);
    wg_put32(head + 12, spec->type);
    wg_put32(head + 16, spec->dim);
    wg_put32(head + 20, frame->rotated ? FLAG_ROTATED : 0);
    wg_put64(head + 24, frame->seed);
    wg_put64(head + 32, sealed->entry.rows);
    wg_put64(head + 40, sealed->entry.file);
    wg_put32(head + 48, sealed->entry.part);
    wg_put32(head + 52, wg_segment_footer_crc(sealed->file));
    wg_put32(head + 56, field);
}

static waggle_status frame_refused(const wg_codes *codes, uint32_t field, const char *why,
                                   waggle_error *error)
{
    return wg_fail(error, WAGGLE_CORRUPT, "%s: codes of vector %u: %s",
                   wg_segment_path(codes->file), field, why);
}

static waggle_status frame_read(wg_codes *codes, const wg_sealed *sealed, uint32_t field,
                                wg_code_kind kind, const wg_section *section, waggle_error *error)
{
    const wg_vector_field *spec = &sealed->spec->fields[field];
    uint8_t expected[WG_CODES_FRAME_SIZE];
    const void *bytes = NULL;
    if (section->size != WG_CODES_FRAME_SIZE + spec->dim * sizeof(float))
        return frame_refused(codes, field, "the frame has another size", error);
    waggle_status status = wg_segment_bytes(codes->file, section, 0, section->size, &bytes, error);
    if (status != WAGGLE_OK) return status;
    const uint8_t *head = bytes;
    uint32_t version = wg_get32(head);
    if (version > WG_CODES_FRAME_VERSION)
        return wg_fail_numbers(error, WAGGLE_FORMAT_VERSION, WG_CODES_FRAME_VERSION, version,
                               "%s: the format of the codes is %" PRIu32
                               "; this library reads up to %u",
                               wg_segment_path(codes->file), version, WG_CODES_FRAME_VERSION);
    wg_frame said = {.rotated = (wg_get32(head + 20) & FLAG_ROTATED) != 0,
                     .seed = wg_get64(head + 24)};
    wg_codes_frame_put(expected, sealed, field, kind, &said);
    if (memcmp(head, expected, sizeof expected) != 0)
        return frame_refused(codes, field, "they were made from another part", error);
    const float *center = (const float *)(const void *)(head + WG_CODES_FRAME_SIZE);
    for (uint32_t i = 0; i < spec->dim; i++)
        if (!isfinite(center[i]))
            return frame_refused(codes, field, "the center is not finite", error);
    wg_frame_init(&codes->fields[field].frames[kind], spec->metric, center, spec->dim, said.rotated,
                  said.seed);
    return WAGGLE_OK;
}

static const wg_section *section_of(const wg_codes *codes, wg_section_kind section, uint32_t field,
                                    wg_code_kind kind)
{
    return wg_part_section(wg_segment_part(codes->file, 0), section, wg_codes_name(field, kind));
}

static waggle_status kind_open(wg_codes *codes, const wg_sealed *sealed, uint32_t field,
                               wg_code_kind kind, waggle_error *error)
{
    uint64_t rows = sealed->entry.rows;
    size_t stride = wg_code_stride(kind, sealed->spec->fields[field].dim);
    const wg_section *frame = section_of(codes, WG_SECTION_CODE_FRAME, field, kind);
    const wg_section *rows_of = section_of(codes, WG_SECTION_CODES, field, kind);
    const wg_section *figures = section_of(codes, WG_SECTION_CODE_FIGURES, field, kind);
    if (frame == NULL || rows_of == NULL || figures == NULL)
        return frame_refused(codes, field, "a section is missing", error);
    waggle_status status = frame_read(codes, sealed, field, kind, frame, error);
    if (status != WAGGLE_OK) return status;
    if (rows_of->stride != stride || rows_of->size != rows * stride ||
        figures->size != rows * sizeof(wg_code_figures))
        return frame_refused(codes, field, "a section has another size", error);
    codes->fields[field].columns[kind].frame = &codes->fields[field].frames[kind];
    return WAGGLE_OK;
}

static waggle_status field_open(wg_codes *codes, const wg_sealed *sealed, uint32_t field,
                                waggle_error *error)
{
    uint32_t kinds = wg_codes_kinds(sealed->spec->fields[field].scan);
    waggle_status status = WAGGLE_OK;
    for (uint32_t kind = WG_CODE_I8; status == WAGGLE_OK && kind <= WG_CODE_B1; kind++)
        if (kinds >> kind & 1) status = kind_open(codes, sealed, field, (wg_code_kind)kind, error);
    codes->fields[field].there = status == WAGGLE_OK;
    return status;
}

waggle_status wg_codes_open(wg_vfs *vfs, wg_heap *heap, const char *path, const wg_sealed *sealed,
                            uint32_t fields, wg_codes **codes, waggle_error *error)
{
    size_t size = sizeof(wg_codes) + sealed->spec->count * sizeof(wg_codes_field);
    wg_codes *made = wg_alloc_zeroed(heap, WG_MEMORY_OTHER, size);
    if (made == NULL) return wg_fail_memory(error, size, "codes of a segment");
    wg_mutex_init(&made->verify);
    waggle_status status = wg_segment_open(vfs, heap, path, &made->file, error);
    if (status == WAGGLE_OK && wg_segment_part_count(made->file) != 1)
        status = wg_fail(error, WAGGLE_CORRUPT, "%s: %u parts of codes; it must be one", path,
                         wg_segment_part_count(made->file));
    for (uint32_t i = 0; status == WAGGLE_OK && i < sealed->spec->count; i++)
        if (fields >> i & 1) status = field_open(made, sealed, i, error);
    if (status == WAGGLE_OK)
        *codes = made;
    else
        wg_codes_close(made);
    return status;
}

void wg_codes_close(wg_codes *codes)
{
    if (codes == NULL) return;
    wg_segment_release(codes->file);
    wg_mutex_finish(&codes->verify);
    wg_free(codes);
}

static waggle_status kind_verify(wg_codes *codes, uint32_t field, wg_code_kind kind,
                                 waggle_error *error)
{
    wg_code_column *column = &codes->fields[field].columns[kind];
    const wg_section *rows = section_of(codes, WG_SECTION_CODES, field, kind);
    const wg_section *figures = section_of(codes, WG_SECTION_CODE_FIGURES, field, kind);
    const void *bytes = NULL;
    const void *figures_bytes = NULL;
    waggle_status status =
        wg_segment_bytes(codes->file, figures, 0, figures->size, &figures_bytes, error);
    if (status == WAGGLE_OK)
        status = wg_segment_bytes(codes->file, rows, 0, rows->size, &bytes, error);
    if (status != WAGGLE_OK) return status;
    column->figures = figures_bytes;
    column->codes = bytes;
    return WAGGLE_OK;
}

waggle_status wg_codes_ready(wg_codes *codes, uint32_t field, const wg_code_column **columns,
                             waggle_error *error)
{
    uint32_t bit = 1u << field;
    wg_codes_field *f = &codes->fields[field];
    waggle_status status = WAGGLE_OK;
    *columns = NULL;
    if (!f->there) return WAGGLE_OK;
    // Acquire pairs with the release below: whoever sees the bit sees the columns.
    if (!(atomic_load_explicit(&codes->verified, memory_order_acquire) & bit)) {
        wg_mutex_lock(&codes->verify);
        // Somebody else was here first: the columns are read without the lock by now.
        bool ready = (atomic_load_explicit(&codes->verified, memory_order_relaxed) & bit) != 0;
        for (uint32_t kind = WG_CODE_I8; !ready && status == WAGGLE_OK && kind <= WG_CODE_B1;
             kind++)
            if (f->columns[kind].frame != NULL)
                status = kind_verify(codes, field, (wg_code_kind)kind, error);
        if (status == WAGGLE_OK)
            atomic_fetch_or_explicit(&codes->verified, bit, memory_order_release);
        wg_mutex_unlock(&codes->verify);
    }
    if (status == WAGGLE_OK) *columns = f->columns;
    return status;
}
