// Descriptions of collections and records of the log: what is encoded reads back, and damaged bytes are an error, never
// a crash.
#include "engine/engine.h"
#include "support/test.h"

static wg_spec *spec_make(void)
{
    waggle_error error;
    wg_spec *spec = NULL;
    waggle_vector_spec vectors[2] = {
        {.name = "text", .dim = 3         },
        { .name = "",     .dim = 17, .type = WAGGLE_B1}
    };
    vectors[0].scan = WAGGLE_SCAN_CERTIFIED;
    WG_OK(wg_spec_create(NULL, waggle_collection_spec(.vectors = vectors, .vector_count = 2), &spec,
                         &error));
    return spec;
}

WG_TEST(a_description_reads_back_with_its_defaults)
{
    waggle_error error;
    wg_spec *spec = spec_make();
    wg_spec *back = NULL;
    wg_buffer bytes;
    uint32_t index = 9;
    wg_buffer_init(&bytes, NULL, WG_MEMORY_SCRATCH);
    WG_OK(wg_spec_encode(spec, &bytes, &error));
    WG_OK(wg_spec_decode(NULL, bytes.data, bytes.size, &back, &error));
    WG_CHECK_U64(back->count, 2);
    WG_CHECK_U64(back->fields[0].metric, WAGGLE_COSINE);
    WG_CHECK(back->fields[0].normalized && back->fields[0].keeps_norm);
    WG_CHECK_U64(back->fields[0].scan, WAGGLE_SCAN_CERTIFIED);
    WG_CHECK(back->fields[0].coded);
    WG_CHECK_U64(back->fields[1].scan, WAGGLE_SCAN_AUTO);
    WG_CHECK(!back->fields[1].coded); // there are no codes of bits
    WG_CHECK_U64(back->fields[1].metric, WAGGLE_HAMMING);
    WG_CHECK_U64(back->fields[1].size, 3);
    WG_OK(wg_spec_find(back, NULL, &index, &error));
    WG_CHECK_U64(index, 1); // the unnamed one
    WG_FAILS_WITH(WAGGLE_NOT_FOUND, "\"text\", \"\"", wg_spec_find(back, "x", &index, &error));
    wg_free(back);
    wg_free(spec);
    wg_buffer_finish(&bytes);
}

WG_TEST(a_damaged_description_is_an_error)
{
    waggle_error error;
    wg_spec *spec = spec_make();
    wg_buffer bytes;
    wg_buffer_init(&bytes, NULL, WG_MEMORY_SCRATCH);
    WG_OK(wg_spec_encode(spec, &bytes, &error));
    for (size_t size = 0; size < bytes.size; size++) {
        wg_spec *back = NULL;
        WG_FAILS(WAGGLE_CORRUPT, wg_spec_decode(NULL, bytes.data, size, &back, &error));
    }
    for (size_t bit = 0; bit < bytes.size * 8; bit++) { // an error or another sound description
        wg_spec *back = NULL;
        bytes.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        waggle_status status = wg_spec_decode(NULL, bytes.data, bytes.size, &back, &error);
        WG_CHECK(status == WAGGLE_OK || status == WAGGLE_CORRUPT ||
                 status == WAGGLE_FORMAT_VERSION);
        if (status == WAGGLE_OK) wg_free(back);
        bytes.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    wg_free(spec);
    wg_buffer_finish(&bytes);
}

// Decodes a description of one vector, with a version, a count, a scan and a name.
static waggle_status decode_scanned(waggle_metric metric, uint8_t scan, const char *name,
                                    size_t name_size, size_t behind, waggle_error *error)
{
    uint8_t bytes[64] = {2, 0, 0, 0, 1, 0, 0, 0, WAGGLE_F32, (uint8_t)metric};
    wg_spec *spec = NULL;
    wg_put16(bytes + 10, (uint16_t)name_size);
    wg_put32(bytes + 12, 3);
    bytes[16] = scan;
    memcpy(bytes + 17, name, name_size);
    waggle_status status = wg_spec_decode(NULL, bytes, 17 + name_size + behind, &spec, error);
    wg_free(spec);
    return status;
}

static waggle_status decode_named(const char *name, size_t name_size, size_t behind,
                                  waggle_error *error)
{
    return decode_scanned(WAGGLE_L2, WAGGLE_SCAN_AUTO, name, name_size, behind, error);
}

WG_TEST(a_description_of_before_there_were_scans_is_read_as_auto)
{
    static const uint8_t old[] = {1,         0, 0, 0, 1, 0, 0, 0,  WAGGLE_F32,
                                  WAGGLE_L2, 1, 0, 3, 0, 0, 0, 'v'};
    static const uint8_t newer[] = {3, 0, 0, 0, 1, 0, 0, 0};
    waggle_error error;
    wg_spec *spec = NULL;
    WG_OK(wg_spec_decode(NULL, old, sizeof old, &spec, &error));
    WG_CHECK_TEXT(spec->fields[0].name, "v");
    WG_CHECK_U64(spec->fields[0].dim, 3);
    WG_CHECK_U64(spec->fields[0].scan, WAGGLE_SCAN_AUTO);
    WG_CHECK(spec->fields[0].coded);
    wg_free(spec);
    WG_FAILS_WITH(WAGGLE_FORMAT_VERSION, "format 3; this library reads 1 to 2",
                  wg_spec_decode(NULL, newer, sizeof newer, &spec, &error));
}

WG_TEST(a_scan_that_is_unknown_or_needs_codes_that_cannot_be_is_refused)
{
    static const struct {
        waggle_type type;
        waggle_metric metric;
        waggle_scan scan;
        const char *why; // NULL = it is fine
    } cases[] = {
        {WAGGLE_F32, WAGGLE_L2,      WAGGLE_SCAN_PROBABLE,  NULL                             },
        {WAGGLE_F16, WAGGLE_COSINE,  WAGGLE_SCAN_CERTIFIED, NULL                             },
        {WAGGLE_I8,  WAGGLE_L2,      WAGGLE_SCAN_AUTO,      NULL                             },
        {WAGGLE_B1,  WAGGLE_HAMMING, WAGGLE_SCAN_F32,       NULL                             },
        {WAGGLE_F32, WAGGLE_L2,      (waggle_scan)5,        "scan 5 is not known"            },
        {WAGGLE_F32, WAGGLE_L2,      (waggle_scan)-1,       "scan -1 is not known"           },
        {WAGGLE_F32, WAGGLE_L1,      WAGGLE_SCAN_CERTIFIED, "certified needs codes"          },
        {WAGGLE_U8,  WAGGLE_DOT,     WAGGLE_SCAN_PROBABLE,  "metric dot over element type u8"},
    };

    waggle_error error;
    for (size_t i = 0; i < WG_COUNT(cases); i++) {
        wg_spec *spec = NULL;
        waggle_vector_spec vector = {
            .dim = 4, .type = cases[i].type, .metric = cases[i].metric, .scan = cases[i].scan};
        const waggle_collection_spec *given =
            waggle_collection_spec(.vectors = &vector, .vector_count = 1);
        if (cases[i].why == NULL) {
            WG_OK(wg_spec_create(NULL, given, &spec, &error));
            wg_spec_show(spec, &vector);
            WG_CHECK_U64(vector.scan, cases[i].scan);
        } else {
            WG_FAILS_WITH(WAGGLE_INVALID, cases[i].why, wg_spec_create(NULL, given, &spec, &error));
        }
        wg_free(spec);
    }
    WG_OK(decode_scanned(WAGGLE_L2, WAGGLE_SCAN_PROBABLE, "v", 1, 0, &error));
    WG_FAILS(WAGGLE_CORRUPT, decode_scanned(WAGGLE_L2, WAGGLE_SCAN_DEFAULT, "v", 1, 0, &error));
    WG_FAILS(WAGGLE_CORRUPT, decode_scanned(WAGGLE_L2, 5, "v", 1, 0, &error));
    WG_FAILS(WAGGLE_CORRUPT, decode_scanned(WAGGLE_L1, WAGGLE_SCAN_CERTIFIED, "v", 1, 0, &error));
}

WG_TEST(a_description_that_could_not_be_made_is_not_read)
{
    waggle_error error;
    WG_OK(decode_named("name", 4, 0, &error));
    WG_FAILS_WITH(WAGGLE_CORRUPT, "damaged: the vector's name holds",
                  decode_named("a/b", 3, 0, &error));
    WG_CHECK_U64(error.status, WAGGLE_CORRUPT); // and not what a caller's name would be
    WG_FAILS_WITH(WAGGLE_CORRUPT, "UTF-8", decode_named("\xc3", 1, 0, &error));
    WG_FAILS(WAGGLE_CORRUPT, decode_named("a\0b", 3, 0, &error));
    WG_FAILS_WITH(WAGGLE_CORRUPT, "7 bytes follow", decode_named("name", 4, 7, &error));
}

WG_TEST(descriptions_that_cannot_be_are_refused)
{
    waggle_error error;
    wg_spec *spec = NULL;
    char name[WAGGLE_VECTOR_NAME_SIZE_MAX + 2];
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = 0;
    waggle_vector_spec vectors[17];
    for (uint32_t i = 0; i < 17; i++)
        vectors[i] = (waggle_vector_spec){.name = "same", .dim = 2};
    WG_FAILS_WITH(WAGGLE_INVALID, "twice",
                  wg_spec_create(NULL,
                                 waggle_collection_spec(.vectors = vectors, .vector_count = 2),
                                 &spec, &error));
    WG_FAILS_WITH(WAGGLE_INVALID, "16",
                  wg_spec_create(NULL,
                                 waggle_collection_spec(.vectors = vectors, .vector_count = 17),
                                 &spec, &error));
    WG_FAILS(WAGGLE_INVALID,
             wg_spec_create(NULL, waggle_collection_spec(.vector_count = 1), &spec, &error));
    static const waggle_vector_spec bad[] = {
        {.dim = 0                    },
        { .dim = 2,     .type = (waggle_type)40},
        { .dim = 2, .metric = (waggle_metric)40},
        { .dim = 2,               .name = "a/b"},
        { .dim = 2,              .name = "\xc3"}
    };
    for (size_t i = 0; i < WG_COUNT(bad); i++)
        WG_FAILS(WAGGLE_INVALID,
                 wg_spec_create(NULL, waggle_collection_spec(.vectors = &bad[i], .vector_count = 1),
                                &spec, &error));
    waggle_vector_spec large = {.dim = 2, .name = name};
    WG_FAILS_WITH(WAGGLE_INVALID, "200",
                  wg_spec_create(NULL, waggle_collection_spec(.vectors = &large, .vector_count = 1),
                                 &spec, &error));
    WG_FAILS(WAGGLE_INVALID, wg_collection_name_check("", &error));
    WG_FAILS(WAGGLE_INVALID, wg_collection_name_check(NULL, &error));
}

// One batch of points with both vectors, some lacking, and payloads.
static void batch_make(wg_batch *batch, const wg_spec *spec)
{
    waggle_error error;
    static const float text[3][3] = {
        {3, 4, 0},
        {0, 0, 0},
        {1, 2, 2}
    };
    static const uint8_t bits[3][3] = {
        {1,  2, 1},
        {0 },
        {255, 255,  1}
    };
    static const uint8_t present[3] = {1, 0, 1};
    waggle_id ids[3] = {waggle_id_number(7), waggle_id_string("seven"), waggle_id_number(8)};
    waggle_text payloads[3] = {
        {"{\"a\":1}", 7},
        {NULL,        0},
        {"{}",        2}
    };
    waggle_vectors vectors[2] = {
        {.name = "text", .rows = waggle_rows_f32(&text[0][0], 3,   3)                },
        { .rows = waggle_rows_of(WAGGLE_B1,          bits,                                   3, 17), .present = present}
    };
    wg_points_source source;
    WG_OK(wg_points_check(spec,
                          waggle_points_of(.count = 3, .ids = ids, .vectors = vectors,
                                           .vector_count = 2, .payloads = payloads),
                          &source, &error));
    wg_batch_init(batch, NULL);
    WG_OK(wg_batch_upsert(batch, &source, &error));
    WG_OK(wg_batch_seal(batch, &error));
}

WG_TEST(a_record_of_points_reads_back)
{
    waggle_error error;
    wg_spec *spec = spec_make();
    wg_batch batch;
    wg_record_points points;
    waggle_id id;
    waggle_text payload;
    batch_make(&batch, spec);
    WG_CHECK_U64(batch.count, 1);
    WG_OK(
        wg_record_points_decode(spec, batch.pieces[0].data, batch.pieces[0].size, &points, &error));
    WG_CHECK_U64(points.count, 3);
    WG_OK(wg_record_id(&points, &id, &error));
    WG_CHECK_U64(id.value.number, 7);
    WG_OK(wg_record_id(&points, &id, &error));
    WG_CHECK(id.kind == WAGGLE_ID_STRING && id.size == 5);
    WG_OK(wg_record_payload(&points, 0, &payload, &error));
    WG_CHECK_U64(payload.size, 7);
    WG_OK(wg_record_payload(&points, 1, &payload, &error));
    WG_CHECK(payload.data == NULL);
    WG_CHECK(wg_record_present(&points, 0, 1) && !wg_record_present(&points, 1, 1));
    float norm;
    float row[3];
    memcpy(&norm, points.columns[0].norms, sizeof norm);
    memcpy(row, points.columns[0].rows, sizeof row);
    WG_CHECK(norm == 5 && row[0] == 0.6f && row[1] == 0.8f);
    wg_batch_finish(&batch);
    wg_free(spec);
}

// Reads everything that a record claims to hold.
static waggle_status read_all(const wg_spec *spec, const void *data, size_t size)
{
    waggle_error error;
    wg_record_points points;
    waggle_status status = wg_record_points_decode(spec, data, size, &points, &error);
    for (uint32_t i = 0; status == WAGGLE_OK && i < points.count; i++) {
        waggle_id id;
        waggle_text payload;
        status = wg_record_id(&points, &id, &error);
        if (status == WAGGLE_OK) status = wg_record_payload(&points, i, &payload, &error);
    }
    return status;
}

WG_TEST(a_damaged_record_is_an_error_and_never_read_past)
{
    wg_spec *spec = spec_make();
    wg_batch batch;
    batch_make(&batch, spec);
    size_t size = batch.pieces[0].size;
    uint8_t *copy = wg_alloc(NULL, WG_MEMORY_SCRATCH, size);
    for (size_t cut = 0; cut < size;
         cut += 8) { // exact copies, so that a sanitizer sees a step too far
        uint8_t *part = wg_alloc(NULL, WG_MEMORY_SCRATCH, cut);
        memcpy(part, batch.pieces[0].data, cut);
        WG_CHECK_U64(read_all(spec, part, cut), WAGGLE_CORRUPT);
        wg_free(part);
    }
    for (size_t bit = 0; bit < size * 8; bit++) {
        memcpy(copy, batch.pieces[0].data, size);
        copy[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        waggle_status status = read_all(spec, copy, size);
        WG_CHECK(status == WAGGLE_OK || status == WAGGLE_CORRUPT);
    }
    wg_free(copy);
    wg_batch_finish(&batch);
    wg_free(spec);
}

WG_TEST(a_record_of_more_points_than_ids_is_refused_before_memory_is_taken_for_them)
{
    waggle_error error;
    wg_batch batch;
    wg_record_points points;
    uint8_t copy[64];
    const waggle_id ids[2] = {waggle_id_string("a"), waggle_id_string("b")}; // the smallest
    wg_batch_init(&batch, NULL);
    WG_OK(wg_batch_delete(&batch, ids, 2, &error));
    WG_OK(wg_batch_seal(&batch, &error));
    size_t size = batch.pieces[0].size;
    WG_CHECK(size <= sizeof copy);
    memcpy(copy, batch.pieces[0].data, size);
    WG_OK(wg_record_points_decode(NULL, copy, size, &points, &error));
    wg_put32(copy, 3);
    WG_FAILS_WITH(WAGGLE_CORRUPT, "more points than ids",
                  wg_record_points_decode(NULL, copy, size, &points, &error));
    wg_put32(copy, UINT32_MAX);
    WG_FAILS(WAGGLE_CORRUPT, wg_record_points_decode(NULL, copy, size, &points, &error));
    wg_batch_finish(&batch);
}

WG_TEST(a_payload_above_the_limit_is_damage)
{
    waggle_error error;
    wg_record_points points;
    waggle_text payload;
    uint8_t head[36] = {1}; // one point, its id, and the size of its payload
    size_t size = sizeof head + WAGGLE_PAYLOAD_SIZE_MAX + 8;
    wg_put32(head + 8, 10);
    head[16] = 8; // a number: its size less one, its tag, 8 bytes
    uint8_t *record = wg_alloc_zeroed(NULL, WG_MEMORY_SCRATCH, size);
    for (uint32_t more = 0; more < 2; more++) {
        wg_put32(head + 12, 4 + WAGGLE_PAYLOAD_SIZE_MAX + more);
        wg_put32(head + 32, WAGGLE_PAYLOAD_SIZE_MAX + more);
        memcpy(record, head, sizeof head);
        size_t end = (size_t)wg_round_up(sizeof head + WAGGLE_PAYLOAD_SIZE_MAX + more, 8);
        WG_OK(wg_record_points_decode(NULL, record, end, &points, &error));
        waggle_status status = wg_record_payload(&points, 0, &payload, &error);
        WG_CHECK_U64(status, more == 0 ? WAGGLE_OK : WAGGLE_CORRUPT);
    }
    wg_free(record);
}

WG_TEST(a_record_that_goes_on_behind_its_end_is_damaged)
{
    waggle_error error;
    wg_spec *spec = spec_make();
    wg_batch batch;
    wg_record_points points;
    wg_record_segment segment = {.file = 5};
    wg_record_catalog record = {
        .collection = 3, .name = {"name", 4},
             .spec = {"",     0}
    };
    uint8_t copy[512] = {0};
    batch_make(&batch, spec);
    size_t size = batch.pieces[0].size;
    WG_CHECK(size + 8 <= sizeof copy);
    memcpy(copy, batch.pieces[0].data, size);
    WG_FAILS_WITH(WAGGLE_CORRUPT, "too long",
                  wg_record_points_decode(spec, copy, size + 8, &points, &error));
    wg_batch_finish(&batch);
    wg_batch_init(&batch, NULL);
    WG_OK(wg_batch_segment(&batch, &segment, &error));
    WG_OK(wg_batch_catalog(&batch, &record, &error));
    WG_OK(wg_batch_seal(&batch, &error));
    memcpy(copy, batch.pieces[0].data, 64);
    WG_FAILS_WITH(WAGGLE_CORRUPT, "too long", wg_record_segment_decode(copy, 65, &segment, &error));
    memcpy(copy, batch.pieces[1].data, 20);
    WG_FAILS_WITH(WAGGLE_CORRUPT, "too long", wg_record_catalog_decode(copy, 21, &record, &error));
    copy[12] = 1; // of the zero
    WG_FAILS_WITH(WAGGLE_CORRUPT, "catalog", wg_record_catalog_decode(copy, 20, &record, &error));
    wg_batch_finish(&batch);
    wg_free(spec);
}

WG_TEST(a_record_with_a_name_that_no_collection_has_is_damaged)
{
    waggle_error error;
    wg_record_catalog read;
    char longest[WAGGLE_NAME_SIZE_MAX + 1];
    memset(longest, 'n', sizeof longest);
    const waggle_text names[] = {
        {longest, WAGGLE_NAME_SIZE_MAX},
        {"",      0                   }, // of DROP
        {"a/b",   3                   },
        {"a\0b",  3                   },
        {"\xff",  1                   },
        {longest, sizeof longest      },
    };
    for (size_t i = 0; i < WG_COUNT(names); i++) {
        wg_record_catalog record = {
            .collection = 3, .name = names[i], .spec = {"", 0}
        };
        wg_batch batch;
        wg_batch_init(&batch, NULL);
        WG_OK(wg_batch_catalog(&batch, &record, &error));
        WG_OK(wg_batch_seal(&batch, &error));
        const wg_piece *piece = &batch.pieces[0];
        waggle_status status = wg_record_catalog_decode(piece->data, piece->size, &read, &error);
        WG_CHECK_U64(status, i < 2 ? WAGGLE_OK : WAGGLE_CORRUPT);
        if (i >= 2) WG_CHECK(strstr(error.message, "name") != NULL);
        wg_batch_finish(&batch);
    }
}

WG_TEST(records_of_segments_and_the_catalog_read_back_or_are_damaged)
{
    waggle_error error;
    wg_batch batch;
    wg_record_segment segment = {.file = 5, .owner = 2, .part = 1, .rows = 1000, .size = 99};
    wg_record_segment back;
    wg_record_catalog record = {
        3, {"name",  4},
         {"spec!", 5}
    };
    wg_record_catalog read;
    segment.digest[31] = 77;
    wg_batch_init(&batch, NULL);
    WG_OK(wg_batch_segment(&batch, &segment, &error));
    WG_OK(wg_batch_catalog(&batch, &record, &error));
    WG_OK(wg_batch_seal(&batch, &error));
    WG_CHECK_U64(batch.count, 2);
    WG_OK(wg_record_segment_decode(batch.pieces[0].data, batch.pieces[0].size, &back, &error));
    WG_CHECK(memcmp(&segment, &back, sizeof back) == 0);
    WG_OK(wg_record_catalog_decode(batch.pieces[1].data, batch.pieces[1].size, &read, &error));
    WG_CHECK(read.collection == 3 && read.name.size == 4 &&
             memcmp(read.spec.data, "spec!", 5) == 0);
    WG_FAILS(WAGGLE_CORRUPT, wg_record_segment_decode(batch.pieces[0].data, 63, &back, &error));
    WG_FAILS(WAGGLE_CORRUPT, wg_record_catalog_decode(batch.pieces[1].data, 24, &read, &error));
    wg_batch_finish(&batch);
}

WG_TEST(columns_that_do_not_fit_are_refused_by_name)
{
    waggle_error error;
    wg_points_source source;
    wg_spec *spec = spec_make();
    static const float rows[3] = {1, 2, 3};
    const waggle_vectors good = {.name = "text", .rows = waggle_rows_f32(rows, 1, 3)};
    waggle_vectors bad[6] = {good, good, good, good, good, good};
    bad[0].rows.kind = (waggle_rows_kind)7;
    bad[1].rows.count = 2;
    bad[2].rows.type = (waggle_type)99;
    bad[3].rows.stride = 4;
    bad[4].rows.data = NULL;
    bad[5].name = "picture";
    static const waggle_status expected[6] = {WAGGLE_UNSUPPORTED, WAGGLE_INVALID, WAGGLE_INVALID,
                                              WAGGLE_INVALID,     WAGGLE_INVALID, WAGGLE_NOT_FOUND};
    static const char *const says[6] = {"kind 7", "2 rows for 1", "99",
                                        "stride", "no data",      "\"picture\""};
    for (size_t i = 0; i < WG_COUNT(bad); i++)
        WG_FAILS_WITH(expected[i], says[i],
                      wg_points_check(
                          spec, waggle_points_of(.count = 1, .vectors = &bad[i], .vector_count = 1),
                          &source, &error));
    const waggle_vectors twice[2] = {good, good};
    WG_FAILS_WITH(WAGGLE_INVALID, "twice",
                  wg_points_check(spec,
                                  waggle_points_of(.count = 1, .vectors = twice, .vector_count = 2),
                                  &source, &error));
    WG_FAILS(WAGGLE_INVALID, wg_points_check(spec, NULL, &source, &error));
    WG_FAILS_WITH(
        WAGGLE_INVALID, "1048576",
        wg_points_check(spec, waggle_points_of(.count = WAGGLE_BATCH_MAX + 1), &source, &error));
    WG_FAILS(WAGGLE_INVALID,
             wg_points_check(spec, waggle_points_of(.count = 2, .id_first = UINT64_MAX), &source,
                             &error));
    WG_FAILS(WAGGLE_INVALID,
             wg_points_check(spec, waggle_points_of(.count = 1, .convert = (waggle_convert)9),
                             &source, &error));
    wg_free(spec);
}
