// Payloads of a segment: documents in row order, in blocks of about 64 KiB compressed by zstd with a
// dictionary trained on the first blocks. Layout at the top of documents.c.
#pragma once

#include "base/codec.h"
#include "storage/segment.h"

typedef struct wg_document_writer wg_document_writer;

// Begins no section until the first document that is not absent; a part without payloads has none.
waggle_status wg_document_writer_create(wg_heap *heap, wg_segment_writer *segment,
                                        wg_document_writer **writer, waggle_error *error);
// The document of the next row; {NULL, 0} = absent.
waggle_status wg_document_writer_add(wg_document_writer *writer, waggle_text document,
                                     waggle_error *error);
// Writes what is left, the index and the dictionary, and ends the sections.
waggle_status wg_document_writer_finish(wg_document_writer *writer, waggle_error *error);
void wg_document_writer_destroy(wg_document_writer *writer);

typedef struct wg_document_column {
    wg_segment_file *file;    // borrowed
    const wg_section *blocks; // NULL = every document is absent
    const uint8_t *index;
    uint64_t block_count;
    const void *dictionary;
    size_t dictionary_size;
    wg_zstd_dictionary *_Atomic digested; // NULL until a block was unpacked
    uint64_t rows;
} wg_document_column;

waggle_status wg_document_column_open(wg_document_column *column, wg_segment_file *file,
                                      const wg_part *part, waggle_error *error);
void wg_document_column_close(wg_document_column *column); // a zeroed one is fine

// Reads documents; keeps the last block unpacked, so rows in order cost one unpacking per block. One
// thread at a time.
typedef struct wg_document_reader wg_document_reader;
wg_document_reader *wg_document_reader_create(wg_heap *heap); // NULL = no memory
void wg_document_reader_destroy(wg_document_reader *reader);
size_t wg_document_reader_size(const wg_document_reader *reader); // bytes that it holds
// The document lives until the next call.
waggle_status wg_document_read(wg_document_reader *reader, wg_document_column *column, uint64_t row,
                               waggle_text *document, waggle_error *error);
