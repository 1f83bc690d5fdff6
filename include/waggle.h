/// Waggle: vector search on any GPU, or none. This file is the manual of the library.
///
/// It is read from top to bottom: the few calls that most programs need come first (open a database,
/// create a collection, upsert, search), then batches, iteration, import, snapshots and statistics,
/// then asynchronous calls, and last the vector store that needs no database.
///
/// Conventions, said once:
///   Errors     Calls that can fail return a waggle_status and fill *error, if it is not NULL, with the
///              status and a sentence that names the value and the limit. Output arguments are written
///              only on success.
///   Options    Structs of options begin with struct_size, which the macros of the same name set. Zero
///              is the default of every field, and fields are only ever appended, so a program built
///              against an older header keeps working.
///   Strings    UTF-8, ended by NUL where the type is const char *; a waggle_text has a size instead.
///   Ownership  Arguments are borrowed for the call. What a call creates, the caller destroys with the
///              function named beside it; destroying NULL does nothing.
///   Threads    Any number of threads may use a database and its collections at the same time. Objects
///              that a call returns (hits, records, cursors, imports) belong to one thread at a time.
///   Bytes      Sizes are in bytes, times in the unit that the name ends with.
#ifndef WAGGLE_H
#define WAGGLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define WAGGLE_API __declspec(dllexport)
#else
#define WAGGLE_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define WAGGLE_VERSION_MAJOR 0
#define WAGGLE_VERSION_MINOR 1
#define WAGGLE_VERSION_PATCH 0
#define WAGGLE_VERSION "0.1.0"

/// The version of the library that runs, as in WAGGLE_VERSION. A static string.
WAGGLE_API const char *waggle_version(void);

// ---- Status and errors -------------------------------------------------------------------------

typedef enum waggle_status {
    WAGGLE_OK = 0,
    WAGGLE_INVALID,   ///< a value is not acceptable; the message names it and the limit
    WAGGLE_DIMENSION, ///< a vector has another dimension; error->expected and ->actual say which
    WAGGLE_NOT_FOUND, ///< no collection, point, vector name or snapshot of that name
    WAGGLE_EXISTS,    ///< the name is taken
    WAGGLE_OUT_OF_MEMORY, ///< no memory. A write that was in the log by then is applied before the next
    WAGGLE_BUDGET,        ///< the memory budget is reached; error->expected is the limit in bytes
    WAGGLE_IO,            ///< the system reported an error of a file
    WAGGLE_DISK_FULL,     ///< no space; searching and deleting go on
    WAGGLE_READ_ONLY,     ///< opened read-only, or the log failed and writes are refused
    WAGGLE_CORRUPT,       ///< stored bytes do not match their checksum, or contradict each other
    WAGGLE_FORMAT_VERSION, ///< the files are of a newer format than this library reads
    WAGGLE_LOCKED,         ///< another process holds the database; the message says which
    WAGGLE_NOT_A_DATABASE, ///< the directory exists, is not empty, and is not one of ours
    WAGGLE_TIMEOUT,        ///< the time given passed first; the operation goes on
    WAGGLE_CANCELED,       ///< the database was closed before the operation began
    WAGGLE_UNSUPPORTED,    ///< this build or device cannot do it; the message says what can
    WAGGLE_DEVICE,         ///< a device failed to open, or failed in use
    WAGGLE_DEVICE_MEMORY,  ///< the memory of a device is exhausted
    WAGGLE_DEVICE_LOST,    ///< a device was lost or reset
} waggle_status;

/// What went wrong, in words. Fixed size, so that reporting an error needs no memory.
typedef struct waggle_error {
    waggle_status status;
    uint64_t
        expected; ///< WAGGLE_DIMENSION: the dimension of the collection; WAGGLE_BUDGET: the limit
    uint64_t actual; ///< WAGGLE_DIMENSION: the dimension given; WAGGLE_BUDGET: what was asked for
    char message[488];
} waggle_error;

/// The name of a status, as "WAGGLE_NOT_FOUND". A static string; "unknown" for any other number.
WAGGLE_API const char *waggle_status_name(waggle_status status);

/// Text with a size; data need not end with NUL. {NULL, 0} is "absent".
typedef struct waggle_text {
    const char *data;
    size_t size;
} waggle_text;

// ---- Vectors -----------------------------------------------------------------------------------

/// Element types. See waggle_metric for which metric goes with which type.
typedef enum waggle_type {
    WAGGLE_TYPE_DEFAULT = 0, ///< where a type is chosen: f32
    WAGGLE_F32,              ///< IEEE 754 binary32
    WAGGLE_F16,              ///< IEEE 754 binary16
    WAGGLE_BF16,             ///< the upper half of binary32
    WAGGLE_U8,
    WAGGLE_I8,
    WAGGLE_B1, ///< one bit; component i is bit i % 8 of byte i / 8, unused bits are zero
} waggle_type;

/// How two vectors q and x are compared.
///
///   metric   score                                   best     element types
///   l2       sum of (q - x)^2, that is *squared* L2  lowest   f32 f16 bf16 u8 i8
///   cosine   q.x / (|q| |x|); 0 if one of them is 0  highest  f32 f16 bf16 u8 i8
///   dot      q.x                                     highest  f32 f16 bf16 u8 i8
///   l1       sum of |q - x|                          lowest   f32 f16 bf16 u8 i8
///   linf     the largest |q - x|                     lowest   f32 f16 bf16 u8 i8
///   hamming  the number of bits that differ          lowest   b1
///
/// Scores are computed in float32 (integer types: exactly, then rounded to float32) and are the same,
/// bit for bit, at every SIMD level and batch size.
typedef enum waggle_metric {
    WAGGLE_METRIC_DEFAULT = 0, ///< cosine for float types, l2 for u8 and i8, hamming for b1
    WAGGLE_L2,
    WAGGLE_COSINE,
    WAGGLE_DOT,
    WAGGLE_L1,
    WAGGLE_LINF,
    WAGGLE_HAMMING,
} waggle_metric;

#define WAGGLE_DIM_MAX 65536u               ///< the most components of a vector
#define WAGGLE_VECTOR_NAMES_MAX 16u         ///< the most named vectors of a collection
#define WAGGLE_VECTOR_NAME_SIZE_MAX 200u    ///< bytes of a vector's name
#define WAGGLE_NAME_SIZE_MAX 255u           ///< bytes of a collection's name
#define WAGGLE_ID_SIZE_MAX 255u             ///< bytes of a string id
#define WAGGLE_PAYLOAD_SIZE_MAX (16u << 20) ///< bytes of a point's payload
#define WAGGLE_BATCH_MAX (1u << 20)         ///< points, ids or queries in one call

/// "f32", "f16", "bf16", "u8", "i8", "b1"; static strings. NULL for a number that is no type.
WAGGLE_API const char *waggle_type_name(waggle_type type);
/// "l2", "cosine", "dot", "l1", "linf", "hamming"; static strings. NULL for a number that is no metric.
WAGGLE_API const char *waggle_metric_name(waggle_metric metric);
/// The reverse. WAGGLE_INVALID names the word and lists what is known.
WAGGLE_API waggle_status waggle_type_parse(const char *name, waggle_type *type,
                                           waggle_error *error);
WAGGLE_API waggle_status waggle_metric_parse(const char *name, waggle_metric *metric,
                                             waggle_error *error);
/// True if a collection may have this metric over this type: the table above.
WAGGLE_API bool waggle_metric_supports(waggle_metric metric, waggle_type type);
/// Bytes of one vector, tightly packed: dim * size of the element; b1: (dim + 7) / 8. 0 if there is no such type.
WAGGLE_API size_t waggle_vector_size(waggle_type type, uint32_t dim);

/// What kind of vectors rows hold. Sparse and multivector rows will be further kinds.
typedef enum waggle_rows_kind {
    WAGGLE_ROWS_DENSE = 0,
} waggle_rows_kind;

/// Rows of vectors in the caller's memory.
typedef struct waggle_rows {
    waggle_rows_kind kind;
    waggle_type type;
    uint64_t count; ///< rows
    uint32_t dim;   ///< components of a row
    uint32_t reserved;
    size_t stride;    ///< bytes from one row to the next; 0 = tightly packed
    const void *data; ///< any alignment
} waggle_rows;

/// Tightly packed rows of float32: waggle_rows_f32(vectors, 10, 768).
static inline waggle_rows waggle_rows_f32(const float *data, uint64_t count, uint32_t dim)
{
    waggle_rows rows = {WAGGLE_ROWS_DENSE, WAGGLE_F32, count, dim, 0, 0, data};
    return rows;
}

/// Tightly packed rows of any type.
static inline waggle_rows waggle_rows_of(waggle_type type, const void *data, uint64_t count,
                                         uint32_t dim)
{
    waggle_rows rows = {WAGGLE_ROWS_DENSE, type, count, dim, 0, 0, data};
    return rows;
}

/// What happens when vectors of one element type are stored as (or queried in) another.
///
///   from \ to   f32    f16, bf16        u8, i8                  b1
///   f32         as is  nearest, even    nearest, even           x > 0
///   f16, bf16   exact  via f32          via f32                 x > 0
///   u8, i8      exact  exact / nearest  same number             x > 0
///   b1          0, 1   0, 1             0, 1                    as is
///
/// EXACT  a value that the target cannot hold exactly is an error that names value, row and column
/// ROUND  values are rounded to the nearest; one outside the target's range is an error
/// CLAMP  values are rounded, and those outside the range become its nearest end
/// NaN and infinities are errors always. To b1, ROUND and CLAMP take the sign (x > 0 is 1), EXACT wants 0 or 1.
typedef enum waggle_convert {
    WAGGLE_CONVERT_DEFAULT = 0, ///< EXACT
    WAGGLE_CONVERT_EXACT,
    WAGGLE_CONVERT_ROUND,
    WAGGLE_CONVERT_CLAMP,
} waggle_convert;

// ---- Ids ---------------------------------------------------------------------------------------

typedef enum waggle_id_kind {
    WAGGLE_ID_NUMBER = 0, ///< an unsigned 64-bit number
    WAGGLE_ID_UUID,
    WAGGLE_ID_STRING, ///< 1..255 bytes of UTF-8
} waggle_id_kind;

/// The id of a point. Ids are ordered: numbers by value, then UUIDs bytewise, then strings bytewise.
typedef struct waggle_id {
    uint32_t kind; ///< a waggle_id_kind
    uint32_t size; ///< string: its bytes; otherwise 0

    union {
        uint64_t number;
        uint8_t uuid[16];
        const char *string; ///< borrowed; need not end with NUL
    } value;
} waggle_id;

static inline waggle_id waggle_id_number(uint64_t number)
{
    waggle_id id = {WAGGLE_ID_NUMBER, 0, {number}};
    return id;
}

/// A string id. It is checked when it is used.
WAGGLE_API waggle_id waggle_id_string(const char *string);
/// Parses "550e8400-e29b-41d4-a716-446655440000", also without hyphens or as urn:uuid:...; either case.
WAGGLE_API waggle_status waggle_id_uuid(const char *text, waggle_id *id, waggle_error *error);
/// Parses an id as people write it: digits are a number, a UUID's form a UUID, anything else a string
/// (borrowed from text).
WAGGLE_API waggle_status waggle_id_parse(const char *text, waggle_id *id, waggle_error *error);
/// Writes the id as text, ended by NUL; WAGGLE_ID_TEXT_SIZE bytes are always enough. Returns its length.
#define WAGGLE_ID_TEXT_SIZE 256u
WAGGLE_API size_t waggle_id_format(const waggle_id *id, char *text, size_t capacity);
/// Below, equal or above 0, in the order of ids.
WAGGLE_API int waggle_id_compare(const waggle_id *a, const waggle_id *b);

// ---- A database --------------------------------------------------------------------------------

typedef struct waggle_database waggle_database;
typedef struct waggle_collection waggle_collection;

/// When a write is acknowledged.
typedef enum waggle_durability {
    WAGGLE_DURABILITY_DEFAULT = 0, ///< SYNC
    WAGGLE_SYNC,                   ///< it is on disk: the file system confirmed the flush
    WAGGLE_INTERVAL, ///< it is with the operating system, which is told to flush every interval_ms
    WAGGLE_OFF,      ///< it is with the operating system
} waggle_durability;

typedef enum waggle_log_level {
    WAGGLE_LOG_ERROR = 1,
    WAGGLE_LOG_WARNING,
    WAGGLE_LOG_INFO,
    WAGGLE_LOG_DEBUG,
} waggle_log_level;

/// Receives the log lines of a database: an event and its fields in logfmt. Called by any thread.
typedef void (*waggle_log_fn)(void *context, waggle_log_level level, const char *line);

typedef struct waggle_open_options {
    uint32_t struct_size;
    waggle_durability durability;
    uint32_t interval_ms; ///< for WAGGLE_INTERVAL; 0 = 100
    bool must_exist;      ///< do not create a missing database: WAGGLE_NOT_FOUND
    bool read_only;       ///< nothing is written, not even the replay of the log; several may read
    uint16_t reserved;
    uint32_t threads; ///< threads that scan, the caller's included; 0 = one per core
    uint64_t
        memory_limit; ///< bytes that the database may hold in memory; 0 = half of the machine's
    uint64_t
        head_size_max; ///< bytes of unsealed rows a collection keeps; 0 = min(256 MiB, limit / 4)
    uint64_t log_size_max; ///< bytes of log after which heads are sealed to trim it; 0 = 512 MiB
    const char *device;  ///< "cpu"; NULL = WAGGLE_DEVICE of the environment, else the best there is
    const char *address; ///< written into LOCK for others to read, as "http://127.0.0.1:6333"
    waggle_log_fn log;   ///< NULL = no lines
    void *log_context;
} waggle_open_options;

/// Opens the database in a directory, creating it unless told otherwise; path NULL is a database in
/// memory, which is gone when it is closed. options NULL = defaults.
/// Errors     WAGGLE_NOT_FOUND       must_exist, and there is none
///            WAGGLE_NOT_A_DATABASE  the directory holds other files
///            WAGGLE_FORMAT_VERSION  written by a newer Waggle
///            WAGGLE_LOCKED          held by another process; the message has its id and address
///            WAGGLE_CORRUPT         the MANIFEST or the log is damaged; a damaged collection fails when it is opened
WAGGLE_API waggle_status waggle_open(const char *path, const waggle_open_options *options,
                                     waggle_database **database, waggle_error *error);
/// Waits for running operations, makes everything durable and closes. Handles of collections, hits and
/// tickets must have been destroyed. Returns the first error of the last flush; the database is closed
/// all the same.
WAGGLE_API waggle_status waggle_close(waggle_database *database, waggle_error *error);

// ---- Collections -------------------------------------------------------------------------------

/// How exact search reads the rows of a vector. Float vectors under l2, cosine or dot can have compressed codes beside their
/// rows: int8, 4-bit and 1-bit. Codes are made in the background for sealed parts that are large enough to gain by them;
/// all other rows are read as they are.
typedef enum waggle_scan {
    WAGGLE_SCAN_DEFAULT = 0, ///< of a collection: AUTO; of a search: the collection's
    WAGGLE_SCAN_AUTO,        ///< CERTIFIED or F32, whichever was measured to be faster
    WAGGLE_SCAN_F32,         ///< the rows as they are; a collection makes no codes
    WAGGLE_SCAN_CERTIFIED, ///< codes prove of most rows that they are not among the k best; the others are scored. The answer
        ///< is exact, bit for bit that of F32
    WAGGLE_SCAN_PROBABLE, ///< 1-bit codes (RaBitQ): each of the k best is missed with a probability below 1e-9
} waggle_scan;

/// "auto", "f32", "certified", "probable"; NULL for another value.
WAGGLE_API const char *waggle_scan_name(waggle_scan scan);
/// WAGGLE_INVALID for an unknown name; the message lists the names.
WAGGLE_API waggle_status waggle_scan_parse(const char *name, waggle_scan *scan,
                                           waggle_error *error);

/// One named vector of a collection.
typedef struct waggle_vector_spec {
    const char *name; ///< NULL or "" is the unnamed vector
    uint32_t dim;     ///< 1..65536; b1: bits
    waggle_type type;
    waggle_metric metric;
    waggle_scan scan; ///< zero = auto
} waggle_vector_spec;

typedef struct waggle_collection_spec {
    uint32_t struct_size;
    uint32_t vector_count;             ///< 1..16
    const waggle_vector_spec *vectors; ///< names are unique
} waggle_collection_spec;

/// Creates a collection and opens it.
/// Errors     WAGGLE_EXISTS   the name is taken
///            WAGGLE_INVALID  name, dimension, type or metric, by the tables above
WAGGLE_API waggle_status waggle_collection_create(waggle_database *database, const char *name,
                                                  const waggle_collection_spec *spec,
                                                  waggle_collection **collection,
                                                  waggle_error *error);
/// The short form: one unnamed vector.
WAGGLE_API waggle_status waggle_collection_create_simple(waggle_database *database,
                                                         const char *name, uint32_t dim,
                                                         waggle_metric metric, waggle_type type,
                                                         waggle_collection **collection,
                                                         waggle_error *error);
WAGGLE_API waggle_status waggle_collection_open(waggle_database *database, const char *name,
                                                waggle_collection **collection,
                                                waggle_error *error);
/// Releases the handle. The collection stays.
WAGGLE_API void waggle_collection_close(waggle_collection *collection);
/// Removes a collection and its files. Open handles answer WAGGLE_NOT_FOUND from then on.
WAGGLE_API waggle_status waggle_collection_drop(waggle_database *database, const char *name,
                                                waggle_error *error);
/// Open handles stay valid.
WAGGLE_API waggle_status waggle_collection_rename(waggle_database *database, const char *name,
                                                  const char *new_name, waggle_error *error);

/// What a collection is and holds.
typedef struct waggle_collection_info {
    const char *name;
    uint32_t vector_count;
    const waggle_vector_spec *vectors;
    uint64_t points;           ///< live points
    uint64_t rows_dead;        ///< rows that compaction will drop
    uint64_t segments;         ///< sealed segments
    uint64_t rows_unsealed;    ///< rows of the head
    uint64_t bytes_disk;       ///< of segments, their deletes and overlays; not the log
    uint64_t bytes_memory;     ///< held for it, mapped files not counted
    uint64_t sequence;         ///< of the last write
    const char *device;        ///< where it is searched: "cpu"
    const char *index;         ///< "flat"
    const char *damage;        ///< why it cannot be opened, NULL = it can; then the counts are 0
    uint64_t segments_coded;   ///< that have codes (waggle_scan)
    uint64_t segments_uncoded; ///< that should have codes, which are still to be made
    uint64_t bytes_codes;      ///< of codes on disk; not in bytes_disk
} waggle_collection_info;

typedef struct waggle_collection_list waggle_collection_list;

/// All collections, by name. The infos live as long as the list. One that is damaged, or that only a newer library
/// reads, is listed too: damage says why, and without a readable description vector_count is 0.
WAGGLE_API waggle_status waggle_collection_list_create(waggle_database *database,
                                                       waggle_collection_list **list,
                                                       waggle_error *error);
WAGGLE_API uint64_t waggle_collection_list_count(const waggle_collection_list *list);
WAGGLE_API const waggle_collection_info *
waggle_collection_list_at(const waggle_collection_list *list, uint64_t index);
WAGGLE_API void waggle_collection_list_destroy(waggle_collection_list *list);
/// One collection: a list of one.
WAGGLE_API waggle_status waggle_collection_describe(waggle_collection *collection,
                                                    waggle_collection_list **list,
                                                    waggle_error *error);

// ---- Points ------------------------------------------------------------------------------------

/// The vectors of one name for a batch of points.
typedef struct waggle_vectors {
    const char *name; ///< NULL or "" is the unnamed vector
    waggle_rows rows; ///< one row per point of the batch
    const uint8_t
        *present; ///< one byte per point, 0 = the point lacks this vector; NULL = all have it
} waggle_vectors;

/// A batch of points as columns in the caller's memory.
typedef struct waggle_points {
    uint32_t struct_size;
    uint32_t vector_count;         ///< columns of vectors; a name that is not given is lacking
    uint64_t count;                ///< points; at most WAGGLE_BATCH_MAX
    const waggle_id *ids;          ///< count ids, or NULL and
    const uint64_t *id_numbers;    ///<   count numbers as ids, or both NULL and
    uint64_t id_first;             ///<   the ids are id_first, id_first + 1, ...
    const waggle_vectors *vectors; ///< vector_count columns
    const waggle_text *payloads;   ///< count JSON objects ({NULL, 0} = none), or NULL = none
    waggle_convert convert;        ///< when rows have another element type than the collection
} waggle_points;

/// waggle_points_of(.count = n, .id_numbers = ids, .vectors = &v, .vector_count = 1), in C.
#ifndef __cplusplus
#define waggle_points_of(...) (&(waggle_points){.struct_size = sizeof(waggle_points), __VA_ARGS__})
#define waggle_open_options(...) \
    (&(waggle_open_options){.struct_size = sizeof(waggle_open_options), __VA_ARGS__})
#define waggle_collection_spec(...) \
    (&(waggle_collection_spec){.struct_size = sizeof(waggle_collection_spec), __VA_ARGS__})
#define waggle_search_options(...) \
    (&(waggle_search_options){.struct_size = sizeof(waggle_search_options), __VA_ARGS__})
#define waggle_read_options(...) \
    (&(waggle_read_options){.struct_size = sizeof(waggle_read_options), __VA_ARGS__})
#endif

/// Inserts or replaces points: vectors and payload become what is given, and what is not given is gone.
/// A batch is atomic: after a crash all of it is there or nothing. Of equal ids in it the last wins.
/// *sequence, if not NULL, receives the sequence of the write: the `version` of these points.
/// Errors     WAGGLE_INVALID    a component is not finite, an id or payload is not acceptable; the
///                              message has row and column. Nothing was written.
///            WAGGLE_DIMENSION  rows have another dimension
///            WAGGLE_BUDGET     the memory budget is reached
///            WAGGLE_DISK_FULL, WAGGLE_IO, WAGGLE_READ_ONLY
WAGGLE_API waggle_status waggle_upsert(waggle_collection *collection, const waggle_points *points,
                                       uint64_t *sequence, waggle_error *error);
/// Replaces the payload of points, and nothing else: no vector is rewritten. Ids that do not exist are
/// left out; *changed, if not NULL, receives how many existed. A payload {NULL, 0} clears.
WAGGLE_API waggle_status waggle_payload_set(waggle_collection *collection, const waggle_id *ids,
                                            const waggle_text *payloads, uint64_t count,
                                            uint64_t *changed, uint64_t *sequence,
                                            waggle_error *error);
/// Deletes points; ids that do not exist are no error. *deleted, if not NULL, receives how many existed.
WAGGLE_API waggle_status waggle_delete(waggle_collection *collection, const waggle_id *ids,
                                       uint64_t count, uint64_t *deleted, uint64_t *sequence,
                                       waggle_error *error);
/// The number of live points.
WAGGLE_API waggle_status waggle_count(waggle_collection *collection, uint64_t *count,
                                      waggle_error *error);

typedef struct waggle_read_options {
    uint32_t struct_size;
    bool without_payload;
    bool with_vectors;
    uint16_t reserved;
    const waggle_id *after; ///< cursors: begin behind this id; NULL = at the first
} waggle_read_options;

/// A stored vector as it was given: under cosine the norm is put back. data NULL = the point lacks it.
typedef struct waggle_vector {
    const char *name;
    waggle_type type;
    uint32_t dim;
    const void *data;
} waggle_vector;

/// A point that was read. Pointers live as long as the records or, for cursors, until the next step.
typedef struct waggle_record {
    bool found; ///< of waggle_get(): false if there is no such point, and then only id is set
    uint32_t vector_count;
    waggle_id id;
    uint64_t version;             ///< the sequence of its last write
    waggle_text payload;          ///< a JSON object, or {NULL, 0}
    const waggle_vector *vectors; ///< vector_count, in the order of the collection's spec
} waggle_record;

typedef struct waggle_records waggle_records;

/// Reads points by id, in the order of ids; one record per id.
WAGGLE_API waggle_status waggle_get(waggle_collection *collection, const waggle_id *ids,
                                    uint64_t count, const waggle_read_options *options,
                                    waggle_records **records, waggle_error *error);
WAGGLE_API uint64_t waggle_records_count(const waggle_records *records);
WAGGLE_API const waggle_record *waggle_records_at(const waggle_records *records, uint64_t index);
WAGGLE_API void waggle_records_destroy(waggle_records *records);

typedef struct waggle_cursor waggle_cursor;

/// Walks all points in id order, as they were when the cursor was opened.
WAGGLE_API waggle_status waggle_cursor_open(waggle_collection *collection,
                                            const waggle_read_options *options,
                                            waggle_cursor **cursor, waggle_error *error);
/// *record is NULL behind the last point.
WAGGLE_API waggle_status waggle_cursor_next(waggle_cursor *cursor, const waggle_record **record,
                                            waggle_error *error);
WAGGLE_API void waggle_cursor_close(waggle_cursor *cursor);

// ---- Search ------------------------------------------------------------------------------------

typedef struct waggle_search_options {
    uint32_t struct_size;
    uint32_t k;         ///< neighbors per query; more than there are points is no error; 0 = 10
    const char *vector; ///< which named vector; NULL = the unnamed one, or the only one
    bool exact;         ///< never answer from an approximate index, or by a probable scan
    bool with_payload;  ///< hits carry payloads
    uint16_t reserved;
    waggle_convert convert; ///< when queries have another element type than the collection
    waggle_scan scan;       ///< zero = the collection's. What has no codes is read as it is
} waggle_search_options;

typedef struct waggle_hit {
    waggle_id id;
    float score; ///< see waggle_metric
    uint32_t reserved;
    uint64_t version;
    waggle_text payload; ///< with_payload
} waggle_hit;

/// A stage of a scan: what it read, and how long it took, summed over threads.
typedef struct waggle_search_stage {
    const char *name; ///< "1-bit", "4-bit", "int8", or the type of the rows, as "f32"
    uint64_t rows;    ///< that it looked at, masked rows included; once per group of queries
    uint64_t bytes;
    double seconds;
} waggle_search_stage;

/// How an answer was made: what really ran.
typedef struct waggle_search_info {
    const char *device; ///< "cpu"
    const char *index;  ///< "flat"
    const char *simd;   ///< "avx512"; NULL if the device is not a CPU
    bool exact;
    uint64_t rows_scanned;  ///< by the first stage that looked at each
    uint64_t bytes_scanned; ///< of all stages
    double seconds;
    waggle_scan scan;                  ///< what ran: F32, CERTIFIED or PROBABLE
    uint32_t stage_count;              ///< at most 4, in the order in which rows pass them
    const waggle_search_stage *stages; ///< live as long as the hits
    /// Blocks of rows of which the codes excluded so little that all their rows were scored, per group of queries.
    uint64_t blocks_widened;
} waggle_search_info;

typedef struct waggle_hits waggle_hits;

/// Finds the k points nearest to each query vector, best first, equal scores by id. Points that lack the
/// vector are no candidates.
/// Shapes     queries holds count rows of the vector's dim, finite; hits has one list per row.
/// Errors     WAGGLE_INVALID    a component is not finite; the message has row and column
///            WAGGLE_DIMENSION  queries have another dimension
///            WAGGLE_CORRUPT    a block of a segment fails its checksum
/// Ownership  the caller destroys *hits with waggle_hits_destroy(), before the database is closed. Their
///            memory is used for later hits: in the long run a search allocates nothing.
/// Threads    any number of threads may search, also during upserts; a search sees every upsert that
///            returned before it began, and never half of a batch.
WAGGLE_API waggle_status waggle_search(waggle_collection *collection, const waggle_rows *queries,
                                       const waggle_search_options *options, waggle_hits **hits,
                                       waggle_error *error);
WAGGLE_API uint64_t waggle_hits_queries(const waggle_hits *hits);
/// The hits of one query; *count receives how many.
WAGGLE_API const waggle_hit *waggle_hits_at(const waggle_hits *hits, uint64_t query,
                                            uint32_t *count);
WAGGLE_API const waggle_search_info *waggle_hits_info(const waggle_hits *hits);
WAGGLE_API void waggle_hits_destroy(waggle_hits *hits);

// ---- Bulk import -------------------------------------------------------------------------------

typedef struct waggle_import waggle_import;

/// Begins a bulk import: rows go straight into segments, each byte is written once, and a segment
/// becomes durable and visible as a whole when it is full or at waggle_import_commit(). Its points
/// replace older ones of the same id at that moment. One import per collection at a time.
WAGGLE_API waggle_status waggle_import_open(waggle_collection *collection, waggle_import **import,
                                            waggle_error *error);
/// Adds a batch, checked as by waggle_upsert(): after an error of its input nothing of it was added, and the
/// import can go on. Lack of memory or disk ends the import: what waggle_import_durable() counts is kept.
WAGGLE_API waggle_status waggle_import_add(waggle_import *import, const waggle_points *points,
                                           waggle_error *error);
/// Points that are durable and visible by now, in the order added.
WAGGLE_API uint64_t waggle_import_durable(const waggle_import *import);
/// Makes the rest durable and visible. The import can go on.
WAGGLE_API waggle_status waggle_import_commit(waggle_import *import, waggle_error *error);
/// Ends the import; what was not committed is dropped.
WAGGLE_API void waggle_import_close(waggle_import *import);

// ---- Care --------------------------------------------------------------------------------------

/// Makes everything acknowledged so far durable, whatever the durability mode.
WAGGLE_API waggle_status waggle_flush(waggle_database *database, waggle_error *error);
/// Seals the head and merges segments until nothing dead is left. Bounded memory; searches go on.
WAGGLE_API waggle_status waggle_compact(waggle_collection *collection, waggle_error *error);

/// Waits until the codes that open collections should have (waggle_scan) are made, at most timeout_ms (UINT32_MAX = for
/// ever). Nobody needs to: they are made anyway, and only make searches faster.
/// Errors     WAGGLE_TIMEOUT    they are still being made, and go on to be
///            WAGGLE_READ_ONLY  the database was opened so
///            or why some could not be made: WAGGLE_DISK_FULL, WAGGLE_BUDGET, WAGGLE_CORRUPT (of the rows) ...
WAGGLE_API waggle_status waggle_codes_wait(waggle_database *database, uint32_t timeout_ms,
                                           waggle_error *error);

/// Called for each finding of waggle_verify(): the file, and what is wrong with it.
typedef void (*waggle_verify_fn)(void *context, const char *file, const char *finding);

typedef struct waggle_verify_report {
    uint64_t files;
    uint64_t blocks;
    uint64_t bytes;
    uint64_t points;
    uint64_t findings; ///< 0 = everything is as it was written
    uint64_t unknown;  ///< files in the directory that are not ours; ignored
} waggle_verify_report;

/// Reads every byte of the database and compares it with its checksum, and the structures with each
/// other. Returns WAGGLE_CORRUPT if there are findings; the report is filled in both cases.
WAGGLE_API waggle_status waggle_verify(waggle_database *database, waggle_verify_fn found,
                                       void *context, waggle_verify_report *report,
                                       waggle_error *error);

typedef struct waggle_snapshot_info {
    const char *name;
    const char *collection; ///< NULL = the whole database
    uint64_t bytes;
    uint64_t created_s; ///< Unix time
    uint64_t sequence;  ///< the state after this write
} waggle_snapshot_info;

typedef struct waggle_snapshot_list waggle_snapshot_list;

/// Makes a snapshot in the folder snapshots/ of the database, of one collection or (NULL) of all: hard
/// links, so it takes little space and time. name NULL = made from the time. *list, if not NULL,
/// receives its info.
WAGGLE_API waggle_status waggle_snapshot_create(waggle_database *database, const char *collection,
                                                const char *name, waggle_snapshot_list **list,
                                                waggle_error *error);
WAGGLE_API waggle_status waggle_snapshot_list_create(waggle_database *database,
                                                     waggle_snapshot_list **list,
                                                     waggle_error *error);
WAGGLE_API uint64_t waggle_snapshot_list_count(const waggle_snapshot_list *list);
WAGGLE_API const waggle_snapshot_info *waggle_snapshot_list_at(const waggle_snapshot_list *list,
                                                               uint64_t index);
WAGGLE_API void waggle_snapshot_list_destroy(waggle_snapshot_list *list);
WAGGLE_API waggle_status waggle_snapshot_delete(waggle_database *database, const char *name,
                                                waggle_error *error);
/// Restores one collection of a snapshot into the open database, under new_name (NULL = its own name,
/// which must be free). collection NULL = the only one of the snapshot. Everything is verified before
/// it becomes visible.
WAGGLE_API waggle_status waggle_snapshot_restore(waggle_database *database, const char *snapshot,
                                                 const char *collection, const char *new_name,
                                                 waggle_error *error);
/// Makes a new database directory from a snapshot's folder (path/snapshots/name), after verifying it.
WAGGLE_API waggle_status waggle_snapshot_restore_database(const char *snapshot_path,
                                                          const char *target_path,
                                                          waggle_error *error);

/// Figures of a database. Counters begin at zero when it is opened.
typedef struct waggle_statistics {
    uint32_t struct_size;
    waggle_durability durability;  ///< what is in force
    char durability_evidence[128]; ///< why it may be claimed, as "fdatasync on ext4"
    uint64_t memory_limit;
    uint64_t memory_used; ///< the sum of the next
    uint64_t memory_rows;
    uint64_t memory_ids;
    uint64_t memory_payload;
    uint64_t memory_log;
    uint64_t memory_index;
    uint64_t memory_scratch;
    uint64_t memory_other;
    uint64_t collections;
    uint64_t points;
    uint64_t rows_dead;
    uint64_t rows_unsealed;
    uint64_t segments;
    uint64_t bytes_disk; ///< of all files but snapshots
    uint64_t bytes_log;
    uint64_t sequence;         ///< of the last acknowledged write
    uint64_t sequence_durable; ///< up to here everything is on disk
    uint64_t log_syncs;
    uint64_t log_records;
    uint64_t log_bytes;
    uint64_t seals;
    uint64_t compactions;
    uint64_t searches;
    uint64_t queries;
    uint64_t rows_scanned;
    uint64_t blocks_verified;
    bool read_only;          ///< writes are refused, by request or after a failure
    uint64_t codes_made;     ///< files of codes
    uint64_t codes_dropped;  ///< that were damaged, or of something else
    uint64_t bytes_codes;    ///< of open collections, on disk; also in bytes_disk
    uint64_t rows_1bit;      ///< rows that searches looked at by 1-bit codes,
    uint64_t rows_4bit;      ///<   by 4-bit codes,
    uint64_t rows_int8;      ///<   by int8 codes,
    uint64_t rows_scored;    ///<   and that they scored
    uint64_t blocks_widened; ///< of searches, as in waggle_search_info
} waggle_statistics;

WAGGLE_API waggle_status waggle_statistics_get(waggle_database *database,
                                               waggle_statistics *statistics, waggle_error *error);

// ---- Asynchronous calls ------------------------------------------------------------------------

/// An operation that runs while the caller does other things. Every ticket is destroyed by the caller.
typedef struct waggle_ticket waggle_ticket;

/// Called once, by a thread of the library, when the operation has ended. It must not block.
typedef void (*waggle_done_fn)(void *context, waggle_ticket *ticket);

/// As waggle_upsert() and waggle_search(). All arguments, the columns and queries included, must stay
/// valid until the ticket is done. Operations of one collection that are asked for by one thread begin in
/// that order. done may be NULL. At most 1,024 operations wait; one more is WAGGLE_BUDGET.
WAGGLE_API waggle_status waggle_upsert_async(waggle_collection *collection,
                                             const waggle_points *points, waggle_done_fn done,
                                             void *context, waggle_ticket **ticket,
                                             waggle_error *error);
WAGGLE_API waggle_status waggle_search_async(waggle_collection *collection,
                                             const waggle_rows *queries,
                                             const waggle_search_options *options,
                                             waggle_done_fn done, void *context,
                                             waggle_ticket **ticket, waggle_error *error);
/// True when the operation has ended.
WAGGLE_API bool waggle_ticket_poll(const waggle_ticket *ticket);
/// Waits until it has ended, at most timeout_ms (UINT32_MAX = for ever), and returns the status of the
/// operation with its error, or WAGGLE_TIMEOUT.
WAGGLE_API waggle_status waggle_ticket_wait(waggle_ticket *ticket, uint32_t timeout_ms,
                                            waggle_error *error);
/// Of an upsert: its sequence. 0 before the end or after an error.
WAGGLE_API uint64_t waggle_ticket_sequence(const waggle_ticket *ticket);
/// Of a search: its hits, once; the caller destroys them. NULL before the end or after an error.
WAGGLE_API waggle_hits *waggle_ticket_hits(waggle_ticket *ticket);
/// Waits for the end, then frees.
WAGGLE_API void waggle_ticket_destroy(waggle_ticket *ticket);
/// A handle for poll(), epoll or kqueue, readable while finished tickets wait to be taken with
/// waggle_ticket_next(). Owned by the database; -1 where the system has none.
WAGGLE_API int64_t waggle_event_handle(waggle_database *database, waggle_error *error);
/// The next finished ticket that was not yet taken this way, or NULL. It still belongs to the caller.
/// Tickets are kept for this from the first call of waggle_event_handle() on.
WAGGLE_API waggle_ticket *waggle_ticket_next(waggle_database *database);

// ---- Devices, and the vector store without a database ------------------------------------------

/// A device that can hold and search vectors.
typedef struct waggle_device_info {
    char name[128];        ///< "Intel(R) Xeon(R) Processor"
    char backend[16];      ///< "cpu"
    char driver[64];       ///< version of the driver or, of a CPU, its SIMD level
    char simd[64];         ///< of a CPU: every level it has, "scalar avx2 avx512 avx512-vnni"
    char pci[16];          ///< "0000:17:00.0", or empty
    uint32_t ordinal;      ///< among the devices of its backend
    uint32_t threads;      ///< of a CPU: hardware threads; of a GPU: the most threads of a block
    uint64_t memory_total; ///< bytes; 0 = unknown
    uint64_t memory_available; ///< at most memory_total
    uint64_t shared_memory;    ///< of a block; of a CPU 0
} waggle_device_info;

/// Why a backend is not used, or that it is. Static strings.
typedef struct waggle_backend_info {
    const char *name; ///< "cuda"
    uint32_t devices; ///< found
    bool built;       ///< part of this build
    char reason[160]; ///< empty if devices is not 0
} waggle_backend_info;

/// Devices in the order of preference; the CPU is always there, and last.
WAGGLE_API uint32_t waggle_device_count(void);
WAGGLE_API waggle_status waggle_device_info_get(uint32_t index, waggle_device_info *info,
                                                waggle_error *error);
/// Backends in the order of preference: cuda, metal, hip, vulkan, webgpu, cpu.
WAGGLE_API uint32_t waggle_backend_count(void);
WAGGLE_API waggle_status waggle_backend_info_get(uint32_t index, waggle_backend_info *info,
                                                 waggle_error *error);

typedef struct waggle_device waggle_device;

/// Opens a device by name, "cpu" or "backend:ordinal"; NULL = the best there is.
WAGGLE_API waggle_status waggle_device_open(const char *name, waggle_device **device,
                                            waggle_error *error);
/// Information with live memory figures.
WAGGLE_API waggle_status waggle_device_describe(waggle_device *device, waggle_device_info *info,
                                                waggle_error *error);
/// Stores on it must have been destroyed.
WAGGLE_API void waggle_device_close(waggle_device *device);

/// Vectors of one dimension and metric in the memory of a device, float32 outside and inside.
typedef struct waggle_store waggle_store;

WAGGLE_API waggle_status waggle_store_create(waggle_device *device, uint32_t dim,
                                             waggle_metric metric, waggle_store **store,
                                             waggle_error *error);
WAGGLE_API void waggle_store_destroy(waggle_store *store);
/// Adds vectors, all or none. ids NULL = the store numbers them on from the highest number it has given,
/// beginning at 0; *first, if not NULL, receives the first of these numbers. WAGGLE_EXISTS if an id is
/// there already, or twice in the call.
WAGGLE_API waggle_status waggle_store_add(waggle_store *store, const waggle_id *ids,
                                          const float *vectors, uint64_t count, uint64_t *first,
                                          waggle_error *error);
/// Copies one vector into vector (dim floats). WAGGLE_NOT_FOUND if there is none.
WAGGLE_API waggle_status waggle_store_get(waggle_store *store, waggle_id id, float *vector,
                                          waggle_error *error);
/// Replaces vectors; WAGGLE_NOT_FOUND, and nothing is changed, if an id is not there.
WAGGLE_API waggle_status waggle_store_update(waggle_store *store, const waggle_id *ids,
                                             const float *vectors, uint64_t count,
                                             waggle_error *error);
/// Removes vectors; *removed, if not NULL, receives how many were there.
WAGGLE_API waggle_status waggle_store_remove(waggle_store *store, const waggle_id *ids,
                                             uint64_t count, uint64_t *removed,
                                             waggle_error *error);
/// As waggle_search() with k; the hits are destroyed before the store.
WAGGLE_API waggle_status waggle_store_search(waggle_store *store, const float *queries,
                                             uint64_t count, uint32_t k, waggle_hits **hits,
                                             waggle_error *error);
WAGGLE_API uint64_t waggle_store_count(waggle_store *store);
WAGGLE_API waggle_status waggle_store_clear(waggle_store *store, waggle_error *error);

#ifdef __cplusplus
}
#endif

#endif
