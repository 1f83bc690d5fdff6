// Payloads of a part: blocks of documents, packed by zstd.
//
//   PAYLOAD             packed blocks, one behind the other
//   a block, unpacked   documents, one behind the other; then, per row, 4 bytes: the size of its
//                       document + 1, 0 = absent
//   PAYLOAD_INDEX       24 bytes per block, ascending by row:
//                          0  4  first row         4  4  n, rows of the block
//                          8  8  offset in PAYLOAD
//                         16  4  packed size      20  4  unpacked size
//   PAYLOAD_DICTIONARY  a dictionary of zstd for all blocks, if there is one
//
// Rows in no block are absent; a part in which all are has none of these sections. A block is at most
// 64 KiB unpacked, unless it holds a single document that is larger.
//
// Recovery: none; sections are under the checksums of the segment.
#include "storage/documents.h"

#include "base/bytes.h"

#define BLOCK_SIZE (64u << 10)                        // unpacked
#define BLOCK_SIZE_MAX (WAGGLE_PAYLOAD_SIZE_MAX + 4u) // of a single document
#define BUFFER_KEPT (1u << 20) // what a large document needed beyond this is given back
#define INDEX_SIZE 24u
#define LEVEL 1 // packs twice as fast as 3, into 2 to 6 % more

// A dictionary is trained on the first MiB, from at most 4 KiB of each document, which takes 0.1 s. Blocks of
// 64 KiB gain little by it: 2.5 to 3.7 % were measured on records of three shapes. It is used if the blocks
// of that MiB shrink by a fiftieth, and by more than its own size if they are all there are.
#define SAMPLE_SIZE (1u << 20)
#define SAMPLE_DOCUMENT_SIZE (4u << 10)
#define SAMPLE_SIZE_MIN (128u << 10)
#define DICTIONARY_SIZE (16u << 10)
#define DICTIONARY_GAIN 50u

#define ABSENT 0u

// ---- Writing

struct wg_document_writer {
    wg_heap *heap;
    wg_segment_writer *segment;
    wg_section_handle section;
    bool begun; // the section
    uint64_t rows;

    // Until the dictionary is decided: documents from the first that is not absent.
    bool sampling;
    uint64_t sample_first; // their first row
    wg_buffer sample_sizes;
    wg_buffer sample;

    // The block that is being filled.
    uint64_t block_first;
    wg_buffer sizes;
    wg_buffer data;

    wg_zstd *zstd;
    wg_buffer dictionary;
    wg_buffer index;
    uint64_t offset;  // packed so far
    wg_buffer packed; // scratch
};

waggle_status wg_document_writer_create(wg_heap *heap, wg_segment_writer *segment,
                                        wg_document_writer **writer, waggle_error *error)
{
    wg_document_writer *made = wg_alloc_zeroed(heap, WG_MEMORY_SCRATCH, sizeof(*made));
    if (made == NULL) return wg_fail_memory(error, sizeof(*made), "a writer of payloads");
    made->heap = heap;
    made->segment = segment;
    made->sampling = true;
    wg_buffer *buffers[] = {&made->sample_sizes, &made->sample, &made->sizes, &made->data,
                            &made->dictionary,   &made->index,  &made->packed};
    for (size_t i = 0; i < WG_COUNT(buffers); i++)
        wg_buffer_init(buffers[i], heap, WG_MEMORY_SCRATCH);
    *writer = made;
    return WAGGLE_OK;
}

void wg_document_writer_destroy(wg_document_writer *writer)
{
    if (writer == NULL) return;
    wg_buffer *buffers[] = {&writer->sample_sizes, &writer->sample, &writer->sizes, &writer->data,
                            &writer->dictionary,   &writer->index,  &writer->packed};
    for (size_t i = 0; i < WG_COUNT(buffers); i++)
        wg_buffer_finish(buffers[i]);
    wg_zstd_destroy(writer->zstd);
    wg_free(writer);
}

static waggle_status no_memory(waggle_error *error, size_t size)
{
    return wg_fail_memory(error, size, "payloads of a segment");
}

static void buffer_reset(wg_buffer *buffer)
{
    buffer->size = 0;
    if (buffer->capacity <= BUFFER_KEPT) return;
    wg_heap *heap = buffer->heap;
    wg_buffer_finish(buffer);
    wg_buffer_init(buffer, heap, WG_MEMORY_SCRATCH);
}

// Packs the block into writer->packed and empties it; *raw_size is its size before.
static waggle_status pack(wg_document_writer *writer, wg_zstd *zstd, size_t *raw_size,
                          waggle_error *error)
{
    if (!wg_buffer_append(&writer->data, writer->sizes.data, writer->sizes.size))
        return no_memory(error, writer->sizes.size);
    *raw_size = writer->data.size;
    size_t size = wg_zstd_bound(*raw_size);
    buffer_reset(&writer->packed);
    if (!wg_buffer_reserve(&writer->packed, size)) return no_memory(error, size);
    waggle_status status =
        wg_zstd_compress(zstd, writer->data.data, *raw_size, writer->packed.data, &size, error);
    writer->packed.size = status == WAGGLE_OK ? size : 0;
    buffer_reset(&writer->sizes);
    buffer_reset(&writer->data);
    return status;
}

static waggle_status block_flush(wg_document_writer *writer, waggle_error *error)
{
    if (writer->sizes.size == 0) return WAGGLE_OK;
    uint32_t rows = (uint32_t)(writer->sizes.size / sizeof(uint32_t));
    size_t raw_size = 0;
    waggle_status status = pack(writer, writer->zstd, &raw_size, error);
    if (status != WAGGLE_OK) return status;

    uint8_t entry[INDEX_SIZE];
    wg_put32(entry, (uint32_t)writer->block_first);
    wg_put32(entry + 4, rows);
    wg_put64(entry + 8, writer->offset);
    wg_put32(entry + 16, (uint32_t)writer->packed.size);
    wg_put32(entry + 20, (uint32_t)raw_size);
    if (!wg_buffer_append(&writer->index, entry, sizeof(entry)))
        return no_memory(error, sizeof(entry));
    writer->offset += writer->packed.size;
    return wg_segment_section_append(writer->segment, writer->section, writer->packed.data,
                                     writer->packed.size, error);
}

// True if a document of this size would make the block too large. An empty block takes any.
static bool block_is_full(const wg_document_writer *writer, size_t size)
{
    return writer->sizes.size > 0 &&
           writer->sizes.size + sizeof(uint32_t) + writer->data.size + size > BLOCK_SIZE;
}

static bool put_document(wg_buffer *sizes, wg_buffer *data, waggle_text document)
{
    uint32_t size = document.data == NULL ? ABSENT : (uint32_t)document.size + 1;
    if (!wg_buffer_reserve(data, document.size)) return false;
    if (!wg_buffer_append(sizes, &size, sizeof(size))) return false;
    return document.size == 0 || wg_buffer_append(data, document.data, document.size);
}

static waggle_status block_add(wg_document_writer *writer, uint64_t row, waggle_text document,
                               waggle_error *error)
{
    if (block_is_full(writer, document.size)) {
        waggle_status status = block_flush(writer, error);
        if (status != WAGGLE_OK) return status;
    }
    if (writer->sizes.size == 0) {
        if (document.data == NULL) return WAGGLE_OK; // in no block
        writer->block_first = row;
    }
    if (!put_document(&writer->sizes, &writer->data, document))
        return no_memory(error, document.size);
    return WAGGLE_OK;
}

// ---- The dictionary

// Document i of the sample; *at is where its bytes begin, and is moved on.
static waggle_text sample_get(const wg_document_writer *writer, size_t i, size_t *at)
{
    uint32_t size = wg_get32(writer->sample_sizes.data + i * sizeof(uint32_t));
    if (size == ABSENT) return (waggle_text){NULL, 0};
    const char *data = size == 1 ? "" : (const char *)writer->sample.data + *at;
    *at += size - 1;
    return (waggle_text){data, size - 1};
}

static size_t sample_count(const wg_document_writer *writer)
{
    return writer->sample_sizes.size / sizeof(uint32_t);
}

// Beginnings of the documents into samples, their sizes into sizes.
static bool samples_cut(const wg_document_writer *writer, wg_buffer *samples, wg_buffer *sizes)
{
    size_t at = 0;
    for (size_t i = 0; i < sample_count(writer); i++) {
        waggle_text document = sample_get(writer, i, &at);
        size_t size = WG_MIN(document.size, SAMPLE_DOCUMENT_SIZE);
        if (size == 0) continue;
        if (!wg_buffer_append(samples, document.data, size) ||
            !wg_buffer_append(sizes, &size, sizeof(size)))
            return false;
    }
    return true;
}

static waggle_status dictionary_train(wg_document_writer *writer, waggle_error *error)
{
    waggle_status status = WAGGLE_OK;
    wg_buffer samples;
    wg_buffer sizes;
    wg_buffer_init(&samples, writer->heap, WG_MEMORY_SCRATCH);
    wg_buffer_init(&sizes, writer->heap, WG_MEMORY_SCRATCH);
    if (!samples_cut(writer, &samples, &sizes) ||
        !wg_buffer_reserve(&writer->dictionary, DICTIONARY_SIZE)) {
        status = no_memory(error, samples.size + DICTIONARY_SIZE);
        goto cleanup;
    }
    size_t size = DICTIONARY_SIZE;
    wg_zstd_train(samples.data, (const size_t *)(const void *)sizes.data,
                  (uint32_t)(sizes.size / sizeof(size_t)), writer->dictionary.data, &size);
    writer->dictionary.size = size;

cleanup:
    wg_buffer_finish(&samples);
    wg_buffer_finish(&sizes);
    return status;
}

// The packed size of the sample's blocks.
static waggle_status sample_pack(wg_document_writer *writer, wg_zstd *zstd, uint64_t *size,
                                 waggle_error *error)
{
    waggle_status status = WAGGLE_OK;
    size_t at = 0;
    *size = 0;
    for (size_t i = 0; i < sample_count(writer) && status == WAGGLE_OK; i++) {
        waggle_text document = sample_get(writer, i, &at);
        if (!put_document(&writer->sizes, &writer->data, document))
            status = no_memory(error, document.size);
        bool last = i + 1 == sample_count(writer);
        if (status != WAGGLE_OK || (!last && !block_is_full(writer, 0))) continue;
        size_t raw_size = 0;
        status = pack(writer, zstd, &raw_size, error);
        *size += writer->packed.size;
    }
    return status;
}

// Chooses writer->zstd: with a dictionary if it pays.
static waggle_status dictionary_decide(wg_document_writer *writer, bool all, waggle_error *error)
{
    writer->zstd = wg_zstd_create(LEVEL, NULL, 0);
    if (writer->zstd == NULL) return no_memory(error, 0);
    if (writer->sample.size < SAMPLE_SIZE_MIN) return WAGGLE_OK;
    waggle_status status = dictionary_train(writer, error);
    if (status != WAGGLE_OK || writer->dictionary.size == 0) return status;

    wg_zstd *with = wg_zstd_create(LEVEL, writer->dictionary.data, writer->dictionary.size);
    if (with == NULL) return no_memory(error, writer->dictionary.size);
    uint64_t plain_size = 0;
    uint64_t with_size = 0;
    status = sample_pack(writer, writer->zstd, &plain_size, error);
    if (status == WAGGLE_OK) status = sample_pack(writer, with, &with_size, error);
    uint64_t needed = WG_MAX(plain_size / DICTIONARY_GAIN, all ? writer->dictionary.size : 0);
    if (status == WAGGLE_OK && with_size + needed < plain_size) {
        wg_zstd_destroy(writer->zstd);
        writer->zstd = with;
        with = NULL; // moved
    } else {
        writer->dictionary.size = 0;
    }
    wg_zstd_destroy(with);
    return status;
}

// Ends the sampling: begins the section and packs what was kept. all = no more will come.
static waggle_status sample_end(wg_document_writer *writer, bool all, waggle_error *error)
{
    writer->sampling = false;
    waggle_status status = dictionary_decide(writer, all, error);
    if (status != WAGGLE_OK) return status;
    status = wg_segment_section_begin(writer->segment, WG_SECTION_PAYLOAD, 0, WG_SECTION_REQUIRED,
                                      0, 0, &writer->section, error);
    if (status != WAGGLE_OK) return status;
    writer->begun = true;
    size_t at = 0;
    for (size_t i = 0; i < sample_count(writer); i++) {
        waggle_text document = sample_get(writer, i, &at);
        status = block_add(writer, writer->sample_first + i, document, error);
        if (status != WAGGLE_OK) return status;
    }
    wg_buffer_finish(&writer->sample);
    wg_buffer_finish(&writer->sample_sizes);
    return WAGGLE_OK;
}

waggle_status wg_document_writer_add(wg_document_writer *writer, waggle_text document,
                                     waggle_error *error)
{
    if (document.data == NULL) document.size = 0;
    if (document.size > WAGGLE_PAYLOAD_SIZE_MAX)
        return wg_fail(error, WAGGLE_INVALID, "a payload has %zu bytes; the most is %u",
                       document.size, WAGGLE_PAYLOAD_SIZE_MAX);
    if (writer->rows == UINT32_MAX)
        return wg_fail(error, WAGGLE_INVALID, "a part has at most %" PRIu32 " rows", UINT32_MAX);
    if (writer->sampling && document.size > BLOCK_SIZE) { // too large to keep beside its block
        waggle_status status = sample_end(writer, false, error);
        if (status != WAGGLE_OK) return status;
    }
    uint64_t row = writer->rows++;
    if (!writer->sampling) return block_add(writer, row, document, error);
    if (sample_count(writer) == 0) {
        if (document.data == NULL) return WAGGLE_OK;
        writer->sample_first = row;
    }
    if (!put_document(&writer->sample_sizes, &writer->sample, document))
        return no_memory(error, document.size);
    if (writer->sample.size + writer->sample_sizes.size < SAMPLE_SIZE) return WAGGLE_OK;
    return sample_end(writer, false, error);
}

static waggle_status write_section(wg_document_writer *writer, wg_section_kind kind,
                                   const wg_buffer *data, waggle_error *error)
{
    wg_section_handle section = 0;
    waggle_status status = wg_segment_section_begin(writer->segment, kind, 0, WG_SECTION_REQUIRED,
                                                    0, data->size, &section, error);
    if (status == WAGGLE_OK)
        status = wg_segment_section_append(writer->segment, section, data->data, data->size, error);
    if (status == WAGGLE_OK) status = wg_segment_section_end(writer->segment, section, error);
    return status;
}

waggle_status wg_document_writer_finish(wg_document_writer *writer, waggle_error *error)
{
    waggle_status status = WAGGLE_OK;
    if (writer->sampling && sample_count(writer) > 0) status = sample_end(writer, true, error);
    if (status != WAGGLE_OK || !writer->begun) return status;
    status = block_flush(writer, error);
    if (status != WAGGLE_OK) return status;
    status = wg_segment_section_end(writer->segment, writer->section, error);
    if (status != WAGGLE_OK) return status;
    writer->begun = false;
    status = write_section(writer, WG_SECTION_PAYLOAD_INDEX, &writer->index, error);
    if (status != WAGGLE_OK || writer->dictionary.size == 0) return status;
    return write_section(writer, WG_SECTION_PAYLOAD_DICTIONARY, &writer->dictionary, error);
}

// ---- Reading

waggle_status wg_document_column_open(wg_document_column *column, wg_segment_file *file,
                                      const wg_part *part, waggle_error *error)
{
    wg_document_column opened = {.file = file, .rows = part->rows};
    opened.blocks = wg_part_section(part, WG_SECTION_PAYLOAD, 0);
    const wg_section *index = wg_part_section(part, WG_SECTION_PAYLOAD_INDEX, 0);
    const wg_section *dictionary = wg_part_section(part, WG_SECTION_PAYLOAD_DICTIONARY, 0);
    if (opened.blocks == NULL) {
        *column = opened;
        return WAGGLE_OK;
    }
    if (index == NULL || index->size % INDEX_SIZE != 0)
        return wg_fail(error, WAGGLE_CORRUPT, "%s: an index of payloads of %" PRIu64 " bytes",
                       wg_segment_path(file), index == NULL ? 0 : index->size);
    const void *bytes = NULL;
    waggle_status status = wg_segment_bytes(file, index, 0, index->size, &bytes, error);
    if (status != WAGGLE_OK) return status;
    opened.index = bytes;
    opened.block_count = index->size / INDEX_SIZE;
    if (dictionary != NULL) {
        status = wg_segment_bytes(file, dictionary, 0, dictionary->size, &opened.dictionary, error);
        if (status != WAGGLE_OK) return status;
        opened.dictionary_size = (size_t)dictionary->size;
    }
    *column = opened;
    return WAGGLE_OK;
}

void wg_document_column_close(wg_document_column *column)
{
    wg_zstd_dictionary_destroy(column->digested);
    *column = (wg_document_column){0};
}

typedef struct block_entry {
    uint32_t first;
    uint32_t rows;
    uint64_t offset;
    uint32_t packed_size;
    uint32_t raw_size;
} block_entry;

static block_entry entry_get(const wg_document_column *column, uint64_t block)
{
    const uint8_t *entry = column->index + block * INDEX_SIZE;
    return (block_entry){.first = wg_get32(entry),
                         .rows = wg_get32(entry + 4),
                         .offset = wg_get64(entry + 8),
                         .packed_size = wg_get32(entry + 16),
                         .raw_size = wg_get32(entry + 20)};
}

// The block that holds a row; false = none does.
static bool block_find(const wg_document_column *column, uint64_t row, block_entry *entry)
{
    uint64_t low = 0;
    uint64_t high = column->block_count;
    while (low < high) { // blocks below low begin at or before row, from high on behind it
        uint64_t middle = low + (high - low) / 2;
        if (wg_get32(column->index + middle * INDEX_SIZE) <= row) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0) return false;
    *entry = entry_get(column, low - 1);
    return row - entry->first < entry->rows;
}

struct wg_document_reader {
    wg_heap *heap;
    wg_zstd *zstd; // NULL until a block was unpacked
    // The block that is unpacked.
    uint64_t serial; // 0 = none
    uint64_t offset; // in the file
    uint32_t first;
    uint32_t rows;
    wg_buffer
        raw; // sizes are replaced by ends: where a document ends, in the upper bit whether it is absent
};

#define ABSENT_BIT 0x80000000u

wg_document_reader *wg_document_reader_create(wg_heap *heap)
{
    wg_document_reader *reader = wg_alloc_zeroed(heap, WG_MEMORY_SCRATCH, sizeof(*reader));
    if (reader == NULL) return NULL;
    reader->heap = heap;
    wg_buffer_init(&reader->raw, heap, WG_MEMORY_SCRATCH);
    return reader;
}

void wg_document_reader_destroy(wg_document_reader *reader)
{
    if (reader == NULL) return;
    wg_zstd_destroy(reader->zstd);
    wg_buffer_finish(&reader->raw);
    wg_free(reader);
}

size_t wg_document_reader_size(const wg_document_reader *reader)
{
    size_t zstd = reader->zstd == NULL ? 0 : wg_zstd_size(reader->zstd);
    return sizeof *reader + reader->raw.capacity + zstd;
}

// The column's dictionary, digested by the first who needs it.
static waggle_status dictionary_get(wg_document_column *column,
                                    const wg_zstd_dictionary **dictionary, waggle_error *error)
{
    *dictionary = NULL;
    if (column->dictionary_size == 0) return WAGGLE_OK;
    // Acquire pairs with the release of another thread below.
    wg_zstd_dictionary *there = atomic_load_explicit(&column->digested, memory_order_acquire);
    if (there == NULL) {
        wg_zstd_dictionary *made =
            wg_zstd_dictionary_create(column->dictionary, column->dictionary_size);
        if (made == NULL) return no_memory(error, column->dictionary_size);
        if (atomic_compare_exchange_strong_explicit(&column->digested, &there, made,
                                                    memory_order_acq_rel, memory_order_acquire))
            there = made;
        else
            wg_zstd_dictionary_destroy(made); // the other was quicker
    }
    *dictionary = there;
    return WAGGLE_OK;
}

// Turns the sizes of a block into ends. false = they do not add up to the documents' bytes.
static bool sizes_to_ends(uint8_t *sizes, uint32_t rows, size_t data_size)
{
    uint64_t end = 0;
    for (uint32_t i = 0; i < rows; i++) {
        uint32_t size = wg_get32(sizes + (size_t)i * 4);
        if (size != ABSENT) end += size - 1;
        if (end > data_size) return false;
        wg_put32(sizes + (size_t)i * 4, (uint32_t)end | (size == ABSENT ? ABSENT_BIT : 0));
    }
    return end == data_size;
}

static waggle_status corrupt_block(const wg_document_column *column, const block_entry *entry,
                                   waggle_error *error)
{
    return wg_fail(error, WAGGLE_CORRUPT,
                   "%s: the payloads of row %" PRIu32 " on (%" PRIu32 " rows, %" PRIu32
                   " bytes packed at %" PRIu64 ", %" PRIu32 " unpacked) are no block",
                   wg_segment_path(column->file), entry->first, entry->rows, entry->packed_size,
                   entry->offset, entry->raw_size);
}

static waggle_status unpack(wg_document_reader *reader, wg_document_column *column,
                            const block_entry *entry, waggle_error *error)
{
    reader->serial = 0; // until it is whole
    if (entry->raw_size > BLOCK_SIZE_MAX || (uint64_t)entry->rows * 4 > entry->raw_size)
        return corrupt_block(column, entry, error);
    const void *packed = NULL;
    waggle_status status = wg_segment_bytes(column->file, column->blocks, entry->offset,
                                            entry->packed_size, &packed, error);
    if (status != WAGGLE_OK) return status;
    const wg_zstd_dictionary *dictionary = NULL;
    status = dictionary_get(column, &dictionary, error);
    if (status != WAGGLE_OK) return status;
    if (reader->zstd == NULL) reader->zstd = wg_zstd_create(LEVEL, NULL, 0);
    if (reader->zstd == NULL) return no_memory(error, 0);
    buffer_reset(&reader->raw);
    if (!wg_buffer_reserve(&reader->raw, entry->raw_size)) return no_memory(error, entry->raw_size);
    size_t size = entry->raw_size;
    status = wg_zstd_decompress(reader->zstd, dictionary, packed, entry->packed_size,
                                reader->raw.data, &size, error);
    if (status != WAGGLE_OK)
        return wg_fail_context(error, status, "%s", wg_segment_path(column->file));
    if (size != entry->raw_size) return corrupt_block(column, entry, error);
    size_t data_size = size - (size_t)entry->rows * 4;
    if (!sizes_to_ends(reader->raw.data + data_size, entry->rows, data_size))
        return corrupt_block(column, entry, error);
    reader->raw.size = size;
    reader->first = entry->first;
    reader->rows = entry->rows;
    reader->offset = column->blocks->offset + entry->offset;
    reader->serial = wg_segment_serial(column->file);
    return WAGGLE_OK;
}

// The document of a row of the block that is unpacked.
static waggle_text block_document(const wg_document_reader *reader, uint32_t index)
{
    const uint8_t *ends = reader->raw.data + reader->raw.size - (size_t)reader->rows * 4;
    uint32_t begin = index == 0 ? 0 : wg_get32(ends + (size_t)(index - 1) * 4) & ~ABSENT_BIT;
    uint32_t end = wg_get32(ends + (size_t)index * 4);
    if ((end & ABSENT_BIT) != 0) return (waggle_text){NULL, 0};
    return (waggle_text){(const char *)reader->raw.data + begin, end - begin};
}

waggle_status wg_document_read(wg_document_reader *reader, wg_document_column *column, uint64_t row,
                               waggle_text *document, waggle_error *error)
{
    if (row >= column->rows)
        return wg_fail(error, WAGGLE_INVALID, "row %" PRIu64 " of a part of %" PRIu64 " rows", row,
                       column->rows);
    block_entry entry;
    if (column->blocks == NULL || !block_find(column, row, &entry)) {
        *document = (waggle_text){NULL, 0};
        return WAGGLE_OK;
    }
    if (reader->serial != wg_segment_serial(column->file) || reader->first != entry.first ||
        reader->rows != entry.rows || reader->offset != column->blocks->offset + entry.offset) {
        waggle_status status = unpack(reader, column, &entry, error);
        if (status != WAGGLE_OK) return status;
    }
    *document = block_document(reader, (uint32_t)row - entry.first);
    return WAGGLE_OK;
}
