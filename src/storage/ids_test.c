// Ids: their bytes, the columns of a part against a sorted reference, and the table of a head against a
// plain array.
#include "base/system.h"
#include "storage/ids.h"
#include "storage/segment_testing.h"
#include "support/test.h"

#define PATH "/ids.wseg"

static void random_id(test_random *random, uint64_t range, uint32_t kinds, waggle_id *id,
                      char text[WAGGLE_ID_SIZE_MAX + 1])
{
    uint64_t number = test_below(random, range);
    *id = waggle_id_number(number * 0x9E3779B97F4A7C15u);
    uint32_t kind = (uint32_t)test_below(random, kinds);
    if (kind == WAGGLE_ID_UUID) {
        id->kind = WAGGLE_ID_UUID;
        memset(id->value.uuid, (int)(number % 3), 16);
        memcpy(id->value.uuid + 5, &number, 8);
    } else if (kind == WAGGLE_ID_STRING) {
        // Prefixes of each other, up to the longest.
        id->kind = WAGGLE_ID_STRING;
        id->size = (uint32_t)(1 + number % WAGGLE_ID_SIZE_MAX);
        memset(text, 'a' + (int)(number / WAGGLE_ID_SIZE_MAX % 3), id->size);
        id->value.string = text;
    }
}

WG_TEST(ids_compare_as_their_bytes_do)
{
    test_random random = {test_seed(1)};
    for (uint32_t i = 0; i < 20000; i++) {
        char texts[2][WAGGLE_ID_SIZE_MAX + 1];
        uint8_t bytes[2][WG_ID_ENCODED_MAX];
        waggle_error error;
        waggle_id a;
        waggle_id b;
        waggle_id decoded;
        random_id(&random, 800, 3, &a, texts[0]);
        random_id(&random, 800, 3, &b, texts[1]);
        size_t a_size = wg_id_encode(&a, bytes[0]);
        size_t b_size = wg_id_encode(&b, bytes[1]);
        int order = memcmp(bytes[0], bytes[1], WG_MIN(a_size, b_size));
        if (order == 0) order = (a_size > b_size) - (a_size < b_size);
        int found = wg_id_compare(&a, &b);
        WG_CHECK((found < 0) == (order < 0) && (found > 0) == (order > 0));
        WG_CHECK(wg_id_equal(&a, &b) == (order == 0));
        if (order == 0) WG_CHECK_U64(wg_id_hash(&a), wg_id_hash(&b));
        WG_OK(wg_id_check(&a, &error));
        WG_OK(wg_id_decode(bytes[0], a_size, &decoded, &error));
        WG_CHECK(wg_id_equal(&a, &decoded));
        WG_FAILS(WAGGLE_CORRUPT, wg_id_decode(bytes[0], a.kind == WAGGLE_ID_STRING ? 1 : a_size - 1,
                                              &decoded, &error));
    }
}

// The table of ids on disk depends on these: they may never change.
WG_TEST(hashes_of_ids_are_part_of_the_format)
{
    waggle_id number = waggle_id_number(1);
    waggle_id string = {.kind = WAGGLE_ID_STRING, .size = 5, .value.string = "bee-1"};
    waggle_id uuid = {.kind = WAGGLE_ID_UUID};
    WG_CHECK_U64(wg_id_hash(&number), 0x5692161d100b05e5u);
    WG_CHECK_U64(wg_id_hash(&uuid), 0xd0a66a65c7528968u);
    WG_CHECK_U64(wg_id_hash(&string), 0x4a0c064d1446aceeu);
}

WG_TEST(what_is_no_id_is_refused)
{
    waggle_error error;
    char text[300];
    memset(text, 'x', sizeof(text));
    waggle_id id = {.kind = WAGGLE_ID_STRING, .size = 255, .value.string = text};
    WG_OK(wg_id_check(&id, &error));
    id.size = 256;
    WG_FAILS_WITH(WAGGLE_INVALID, "256 bytes; the most is 255", wg_id_check(&id, &error));
    id.size = 0;
    WG_FAILS_WITH(WAGGLE_INVALID, "empty", wg_id_check(&id, &error));
    id.size = 2;
    id.value.string = "\xc3\x28";
    WG_FAILS_WITH(WAGGLE_INVALID, "UTF-8", wg_id_check(&id, &error));
    id.kind = 3;
    WG_FAILS_WITH(WAGGLE_INVALID, "kind 3", wg_id_check(&id, &error));

    static const uint8_t encoded[] = {3, 1, 2, 3, 4, 5, 6, 7, 8};
    static const uint8_t broken[] = {2, 0xc3, 0x28};
    WG_FAILS(WAGGLE_CORRUPT, wg_id_decode(encoded, sizeof(encoded), &id, &error));
    WG_FAILS(WAGGLE_CORRUPT, wg_id_decode(encoded, 0, &id, &error));
    WG_FAILS(WAGGLE_CORRUPT, wg_id_decode(broken, sizeof(broken), &id, &error));
}

// ---- Columns

// Ids as they were added, kept as encoded bytes.
typedef struct reference_ids {
    uint64_t rows;
    uint8_t (*bytes)[WG_ID_ENCODED_MAX];
    size_t *sizes;
    uint32_t *order; // by (id, row)
    bool *dead;
} reference_ids;

static const reference_ids *sorting;

static int compare_rows(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;
    size_t size = WG_MIN(sorting->sizes[left], sorting->sizes[right]);
    int order = memcmp(sorting->bytes[left], sorting->bytes[right], size);
    if (order != 0) return order;
    if (sorting->sizes[left] != sorting->sizes[right])
        return sorting->sizes[left] < sorting->sizes[right] ? -1 : 1;
    return left < right ? -1 : left > right;
}

static void reference_init(reference_ids *reference, uint64_t rows)
{
    reference->rows = 0;
    reference->bytes = calloc(rows + 1, sizeof(*reference->bytes));
    reference->sizes = calloc(rows + 1, sizeof(*reference->sizes));
    reference->order = calloc(rows + 1, sizeof(*reference->order));
    reference->dead = calloc(rows + 1, sizeof(*reference->dead));
}

static void reference_finish(reference_ids *reference)
{
    free(reference->bytes);
    free(reference->sizes);
    free(reference->order);
    free(reference->dead);
}

static void reference_sort(reference_ids *reference)
{
    for (uint32_t i = 0; i < reference->rows; i++)
        reference->order[i] = i;
    sorting = reference;
    qsort(reference->order, reference->rows, sizeof(uint32_t), compare_rows);
}

// Adds an id to both. The reference finds doubles by walking back over all rows.
static void add_both(reference_ids *reference, wg_id_writer *writer, const waggle_id *id)
{
    waggle_error error;
    uint64_t replaced = 0;
    uint64_t expected = UINT64_MAX;
    uint64_t row = reference->rows++;
    reference->sizes[row] = wg_id_encode(id, reference->bytes[row]);
    for (uint64_t i = 0; i < row; i++) {
        if (reference->sizes[i] != reference->sizes[row] || reference->dead[i] ||
            memcmp(reference->bytes[i], reference->bytes[row], reference->sizes[row]) != 0)
            continue;
        expected = i;
        reference->dead[i] = true;
    }
    WG_OK(wg_id_writer_add(writer, id, &replaced, &error));
    WG_CHECK_U64(replaced, expected);
}

static void write_ids(wg_vfs *vfs, wg_id_writer *writer)
{
    waggle_error error;
    wg_segment_writer *segment = NULL;
    uint64_t size = 0;
    WG_OK(wg_segment_create(vfs, NULL, PATH, &segment, &error));
    WG_OK(wg_segment_part_begin(segment, 1, &error));
    WG_OK(wg_id_writer_write(writer, segment, &error));
    WG_OK(wg_segment_part_end(segment, wg_id_writer_rows(writer), 1, &error));
    WG_OK(wg_segment_finish(segment, &size, NULL, &error));
    wg_segment_writer_destroy(segment);
}

static void check_dead(wg_segment_file *file, const reference_ids *reference)
{
    waggle_error error;
    const wg_section *section = wg_part_section(wg_segment_part(file, 0), WG_SECTION_BORN_DEAD, 0);
    uint64_t count = 0;
    const void *words = NULL;
    if (section != NULL) {
        WG_CHECK_U64(section->size, (reference->rows + 63) / 64 * 8);
        WG_OK(wg_segment_bytes(file, section, 0, section->size, &words, &error));
    }
    for (uint64_t i = 0; i < reference->rows; i++) {
        bool dead = words != NULL && (((const uint64_t *)words)[i / 64] >> i % 64 & 1) != 0;
        WG_CHECK(dead == reference->dead[i]);
        count += dead;
    }
    WG_CHECK((section != NULL) == (count > 0));
}

// The first place whose id is above the bytes.
static uint64_t seek_reference(const reference_ids *reference, const waggle_id *id)
{
    uint64_t place = 0;
    for (; place < reference->rows; place++) {
        waggle_id other;
        uint32_t row = reference->order[place];
        WG_CHECK(wg_id_view(reference->bytes[row], reference->sizes[row], &other));
        if (wg_id_compare(&other, id) > 0) break;
    }
    return place;
}

static void check_column(wg_vfs *vfs, const reference_ids *reference, test_random *random,
                         uint64_t range, uint32_t kinds)
{
    waggle_error error;
    wg_segment_file *file = NULL;
    wg_id_column column;
    WG_OK(wg_segment_open(vfs, NULL, PATH, &file, &error));
    WG_OK(wg_id_column_open(&column, file, wg_segment_part(file, 0), &error));
    check_dead(file, reference);
    for (uint64_t i = 0; i < reference->rows; i++) {
        uint8_t bytes[WG_ID_ENCODED_MAX];
        uint32_t row = UINT32_MAX;
        waggle_id id;
        wg_id_column_get(&column, i, &id);
        WG_CHECK_U64(wg_id_encode(&id, bytes), reference->sizes[i]);
        WG_CHECK(memcmp(bytes, reference->bytes[i], reference->sizes[i]) == 0);
        WG_CHECK(wg_id_column_find(&column, &id, &row));
        if (!reference->dead[i]) WG_CHECK_U64(row, i);
        WG_CHECK_U64(wg_id_column_at(&column, i), reference->order[i]);
        if (column.rank != NULL) WG_CHECK_U64(column.rank[reference->order[i]], i);
    }
    WG_CHECK_U64(wg_id_column_seek(&column, NULL), 0);
    for (uint32_t i = 0; i < 100; i++) {
        char text[WAGGLE_ID_SIZE_MAX + 1];
        waggle_id id;
        uint32_t row = 0;
        random_id(random, 2 * range, kinds, &id, text);
        uint64_t place = seek_reference(reference, &id);
        WG_CHECK_U64(wg_id_column_seek(&column, &id), place);
        bool there = false;
        if (place > 0) {
            waggle_id other;
            wg_id_column_get(&column, reference->order[place - 1], &other);
            there = wg_id_equal(&other, &id);
        }
        WG_CHECK(wg_id_column_find(&column, &id, &row) == there);
        if (there) WG_CHECK_U64(row, reference->order[place - 1]);
    }
    wg_segment_release(file);
}

WG_TEST(columns_agree_with_a_sorted_reference)
{
    static const uint64_t counts[] = {0, 1, 2, 32, 33, 64, 65, 100, 700};
    test_random random = {test_seed(2)};
    for (uint32_t kinds = 1; kinds <= 3; kinds++) {
        for (size_t c = 0; c < WG_COUNT(counts); c++) {
            for (uint32_t sorted = 0; sorted < 2; sorted++) {
                reference_ids reference;
                reference_init(&reference, counts[c]);
                wg_vfs *vfs = wg_vfs_memory_create(NULL);
                wg_id_writer *writer = wg_id_writer_create(NULL);
                uint64_t range = counts[c] + 1; // about a third are doubles
                for (uint64_t i = 0; i < counts[c]; i++) {
                    char text[WAGGLE_ID_SIZE_MAX + 1];
                    waggle_id id;
                    random_id(&random, range, kinds, &id, text);
                    if (sorted != 0) id = waggle_id_number(i * 3 / 2); // every third is a double
                    add_both(&reference, writer, &id);
                }
                reference_sort(&reference);
                WG_CHECK_U64(wg_id_writer_rows(writer), counts[c]);
                write_ids(vfs, writer);
                check_column(vfs, &reference, &random, range, kinds);
                wg_id_writer_destroy(writer);
                wg_vfs_memory_destroy(vfs);
                reference_finish(&reference);
            }
        }
    }
}

WG_TEST(an_id_added_again_and_again_keeps_its_last_row)
{
    waggle_error error;
    wg_vfs *vfs = wg_vfs_memory_create(NULL);
    wg_id_writer *writer = wg_id_writer_create(NULL);
    waggle_id id = waggle_id_number(77);
    for (uint64_t i = 0; i < 1000; i++) { // far more rows than ids
        uint64_t replaced = 0;
        WG_OK(wg_id_writer_add(writer, &id, &replaced, &error));
        WG_CHECK_U64(replaced, i == 0 ? UINT64_MAX : i - 1);
    }
    write_ids(vfs, writer);
    wg_segment_file *file = NULL;
    wg_id_column column;
    uint32_t row = 0;
    WG_OK(wg_segment_open(vfs, NULL, PATH, &file, &error));
    WG_OK(wg_id_column_open(&column, file, wg_segment_part(file, 0), &error));
    WG_CHECK(wg_id_column_find(&column, &id, &row));
    WG_CHECK_U64(row, 999);
    wg_segment_release(file);
    wg_id_writer_destroy(writer);
    wg_vfs_memory_destroy(vfs);
}

WG_TEST(the_memory_of_a_writer_is_what_its_header_says)
{
    waggle_error error;
    test_heap heap;
    test_heap_init(&heap);
    wg_id_writer *writer = wg_id_writer_create(&heap.heap);
    for (uint64_t i = 0; i < 300000; i++) {
        waggle_id id = waggle_id_number(i);
        uint64_t replaced = 0;
        WG_OK(wg_id_writer_add(writer, &id, &replaced, &error));
        if (i >= 10000 && i % 1000 == 0) WG_CHECK(wg_id_writer_memory(writer) <= 28 * i);
    }
    size_t counted = wg_heap_used(&heap.heap);
    WG_CHECK(wg_id_writer_memory(writer) <= counted);
    WG_CHECK(counted - wg_id_writer_memory(writer) < 1000);
    wg_id_writer_destroy(writer);
    WG_CHECK_U64(heap.live, 0);
}

WG_TEST(every_failing_allocation_of_a_writer_is_reported)
{
    for (uint64_t n = 1;; n++) {
        waggle_error error;
        test_heap heap;
        test_heap_init(&heap);
        heap.fail_at = n;
        wg_vfs *vfs = wg_vfs_memory_create(NULL);
        wg_segment_writer *segment = NULL;
        wg_id_writer *writer = wg_id_writer_create(&heap.heap);
        waggle_status status = writer == NULL ? WAGGLE_OUT_OF_MEMORY : WAGGLE_OK;
        for (uint64_t i = 0; i < 300 && status == WAGGLE_OK; i++) {
            uint64_t replaced = 0;
            waggle_id id = waggle_id_number(i * 7919 % 200);
            if (i == 250) id.kind = WAGGLE_ID_UUID;
            status = wg_id_writer_add(writer, &id, &replaced, &error);
            if (status == WAGGLE_OUT_OF_MEMORY) { // nothing changed: the same again succeeds
                WG_OK(wg_id_writer_add(writer, &id, &replaced, &error));
                WG_CHECK_U64(wg_id_writer_rows(writer), i + 1);
                WG_CHECK_U64(replaced, i >= 200 && i != 250 ? i - 200 : UINT64_MAX);
            }
        }
        if (status == WAGGLE_OK) {
            WG_OK(wg_segment_create(vfs, NULL, PATH, &segment, &error));
            WG_OK(wg_segment_part_begin(segment, 1, &error));
            status = wg_id_writer_write(writer, segment, &error);
        }
        WG_CHECK((status == WAGGLE_OK) == (heap.failed == 0));
        wg_segment_writer_destroy(segment);
        wg_id_writer_destroy(writer);
        wg_vfs_memory_destroy(vfs);
        WG_CHECK_U64(heap.live, 0);
        if (heap.failed == 0) break;
    }
}

// Changes one section's size or bytes behind right checksums.
WG_TEST(columns_that_contradict_themselves_never_read_outside)
{
    test_random random = {test_seed(3)};
    for (uint32_t kinds = 1; kinds <= 3; kinds += 2) {
        waggle_error error;
        wg_vfs *vfs = wg_vfs_memory_create(NULL);
        wg_id_writer *writer = wg_id_writer_create(NULL);
        for (uint32_t i = 0; i < 100; i++) {
            char text[WAGGLE_ID_SIZE_MAX + 1];
            uint64_t replaced;
            waggle_id id;
            random_id(&random, 80, kinds, &id, text);
            WG_OK(wg_id_writer_add(writer, &id, &replaced, &error));
        }
        write_ids(vfs, writer);
        size_t size = 0;
        uint8_t *original = forge_read(vfs, PATH, &size);
        uint8_t *data = malloc(size);
        uint64_t rounds = test_rounds(1500, 100000);
        uint64_t opened = 0;
        for (uint64_t round = 0; round < rounds; round++) {
            memcpy(data, original, size);
            for (uint64_t i = 1 + test_below(&random, 4); i > 0; i--) {
                size_t at = WG_SEGMENT_HEADER_SIZE +
                            (size_t)test_below(&random, size - WG_SEGMENT_HEADER_SIZE);
                data[at] = (uint8_t)test_next(&random);
            }
            forge_segment(data, size);
            forge_write(vfs, PATH, data, size);
            wg_segment_file *file = NULL;
            wg_id_column column;
            if (wg_segment_open(vfs, NULL, PATH, &file, &error) != WAGGLE_OK) continue;
            const wg_part *part = wg_segment_part(file, 0);
            if (part != NULL && wg_id_column_open(&column, file, part, &error) == WAGGLE_OK) {
                opened++;
                for (uint64_t row = 0; row < WG_MIN(part->rows, 200); row++) {
                    waggle_id id;
                    uint32_t found = 0;
                    uint8_t bytes[WG_ID_ENCODED_MAX];
                    wg_id_column_get(&column, row, &id);
                    (void)wg_id_encode(&id, bytes);
                    if (wg_id_column_find(&column, &id, &found)) WG_CHECK(found < part->rows);
                    WG_CHECK(wg_id_column_at(&column, row) < part->rows);
                    WG_CHECK(wg_id_column_seek(&column, &id) <= part->rows);
                }
            }
            wg_segment_release(file);
        }
        WG_CHECK(opened > rounds / 20);
        free(original);
        free(data);
        wg_id_writer_destroy(writer);
        wg_vfs_memory_destroy(vfs);
    }
}

WG_TEST(a_table_without_a_free_slot_ends_the_search)
{
    waggle_error error;
    wg_vfs *vfs = wg_vfs_memory_create(NULL);
    wg_id_writer *writer = wg_id_writer_create(NULL);
    for (uint64_t i = 0; i < 40; i++) {
        uint64_t replaced;
        waggle_id id = waggle_id_number(i);
        WG_OK(wg_id_writer_add(writer, &id, &replaced, &error));
    }
    write_ids(vfs, writer);
    wg_segment_file *file = NULL;
    wg_id_column column;
    size_t size = 0;
    uint8_t *data = forge_read(vfs, PATH, &size);
    WG_OK(wg_segment_open(vfs, NULL, PATH, &file, &error));
    const wg_section *hash = wg_part_section(wg_segment_part(file, 0), WG_SECTION_ID_HASH, 0);
    memset(data + hash->offset, 0xff, hash->size);
    wg_segment_release(file);
    forge_segment(data, size);
    forge_write(vfs, PATH, data, size);

    WG_OK(wg_segment_open(vfs, NULL, PATH, &file, &error));
    WG_OK(wg_id_column_open(&column, file, wg_segment_part(file, 0), &error));
    for (uint64_t i = 0; i < 100; i++) {
        uint32_t row;
        waggle_id id = waggle_id_number(i);
        WG_CHECK(!wg_id_column_find(&column, &id, &row));
    }
    wg_segment_release(file);
    wg_id_writer_destroy(writer);
    wg_vfs_memory_destroy(vfs);
    free(data);
}

// ---- The table of a head

typedef struct head_model {
    waggle_id ids[4096]; // per slot; slots are given once
    uint32_t slots;
    uint32_t slot_of[300]; // per number; UINT32_MAX = not there
} head_model;

static void id_of(const void *context, uint32_t slot, waggle_id *id)
{
    const head_model *model = context;
    WG_ASSERT(slot < model->slots);
    *id = model->ids[slot];
}

WG_TEST(the_table_of_a_head_agrees_with_an_array)
{
    test_random random = {test_seed(4)};
    head_model *model = calloc(1, sizeof(*model));
    test_heap heap;
    wg_id_table table;
    uint32_t count = 0;
    test_heap_init(&heap);
    wg_id_table_init(&table, &heap.heap);
    memset(model->slot_of, 0xff, sizeof(model->slot_of));
    uint64_t rounds = test_rounds(100000, 1000000);
    for (uint64_t i = 0; i < rounds; i++) {
        uint32_t number = (uint32_t)test_below(&random, WG_COUNT(model->slot_of));
        waggle_id id = waggle_id_number(number);
        uint32_t slot = UINT32_MAX;
        bool there = model->slot_of[number] != UINT32_MAX;
        if (test_below(&random, 2) == 0) {
            WG_CHECK(wg_id_table_remove(&table, &id, id_of, model, &slot) == there);
            WG_CHECK_U64(slot, model->slot_of[number]);
            count -= there;
            model->slot_of[number] = UINT32_MAX;
        } else if (model->slots < WG_COUNT(model->ids)) {
            model->ids[model->slots++] = id;
            WG_CHECK(wg_id_table_reserve(&table, 1, id_of, model));
            wg_id_table_put(&table, &id, model->slots - 1, id_of, model, &slot);
            WG_CHECK_U64(slot, model->slot_of[number]);
            count += !there;
            model->slot_of[number] = model->slots - 1;
        } else { // a new head
            wg_id_table_finish(&table);
            memset(model->slot_of, 0xff, sizeof(model->slot_of));
            model->slots = 0;
            count = 0;
        }
        WG_CHECK_U64(table.count, count);
        number = (uint32_t)test_below(&random, WG_COUNT(model->slot_of));
        id = waggle_id_number(number);
        slot = UINT32_MAX;
        (void)wg_id_table_find(&table, &id, id_of, model, &slot);
        WG_CHECK_U64(slot, model->slot_of[number]);
    }
    wg_id_table_finish(&table);
    WG_CHECK_U64(heap.live, 0);
    free(model);
}

WG_TEST(a_table_without_memory_stays_as_it_was)
{
    head_model *model = calloc(1, sizeof(*model));
    test_heap heap;
    wg_id_table table;
    uint32_t slot = 0;
    test_heap_init(&heap);
    wg_id_table_init(&table, &heap.heap);
    model->ids[0] = waggle_id_number(9);
    model->slots = 1;
    WG_CHECK(!wg_id_table_find(&table, &model->ids[0], id_of, model, &slot));
    WG_CHECK(!wg_id_table_remove(&table, &model->ids[0], id_of, model, &slot));
    WG_CHECK(wg_id_table_reserve(&table, 1, id_of, model));
    wg_id_table_put(&table, &model->ids[0], 0, id_of, model, &slot);
    heap.fail_at = heap.calls + 1;
    WG_CHECK(!wg_id_table_reserve(&table, 1000, id_of, model));
    WG_CHECK(!wg_id_table_reserve(&table, UINT32_MAX, id_of, model));
    WG_CHECK(wg_id_table_find(&table, &model->ids[0], id_of, model, &slot));
    WG_CHECK_U64(slot, 0);
    wg_id_table_finish(&table);
    WG_CHECK_U64(heap.live, 0);
    free(model);
}

WG_TEST(the_table_of_a_head_takes_at_most_16_bytes_an_entry)
{
    test_heap heap;
    wg_id_table table;
    head_model *model = calloc(1, sizeof(*model));
    test_heap_init(&heap);
    wg_id_table_init(&table, &heap.heap);
    for (uint32_t i = 0; i < WG_COUNT(model->ids); i++) {
        uint32_t old = 0;
        model->ids[i] = waggle_id_number(i);
        model->slots = i + 1;
        WG_CHECK(wg_id_table_reserve(&table, 1, id_of, model));
        wg_id_table_put(&table, &model->ids[i], i, id_of, model, &old);
        if (i >= 16) WG_CHECK(table.capacity * sizeof(uint32_t) <= 16u * (i + 1));
    }
    wg_id_table_finish(&table);
    free(model);
}

// ---- Speed

static void number_of_slot(const void *context, uint32_t slot, waggle_id *id)
{
    *id = waggle_id_number(((const uint64_t *)context)[slot]);
}

static void print_speed(const char *what, uint64_t count, uint64_t begin)
{
    double seconds = (double)(wg_now_ns() - begin) / 1e9;
    print_message("%s: %.1f M look-ups/s\n", what, (double)count / seconds / 1e6);
}

WG_TEST(look_ups_are_fast_also_of_what_is_not_there)
{
    enum {
        ROWS = 1000000,
        LOOKUPS = 500000
    };

    waggle_error error;
    wg_vfs *vfs = wg_vfs_memory_create(NULL);
    wg_id_writer *writer = wg_id_writer_create(NULL);
    uint64_t *numbers = malloc(ROWS * sizeof(*numbers));
    wg_id_table table;
    wg_id_table_init(&table, NULL);
    WG_CHECK(wg_id_table_reserve(&table, ROWS, number_of_slot, numbers));
    for (uint32_t i = 0; i < ROWS; i++) {
        uint64_t replaced;
        uint32_t old;
        numbers[i] = i * 3u;
        waggle_id id = waggle_id_number(numbers[i]);
        WG_OK(wg_id_writer_add(writer, &id, &replaced, &error));
        wg_id_table_put(&table, &id, i, number_of_slot, numbers, &old);
    }
    write_ids(vfs, writer);
    wg_segment_file *file = NULL;
    wg_id_column column;
    WG_OK(wg_segment_open(vfs, NULL, PATH, &file, &error));
    WG_OK(wg_id_column_open(&column, file, wg_segment_part(file, 0), &error));
    for (uint32_t miss = 0; miss < 2; miss++) {
        test_random random = {1};
        uint64_t begin = wg_now_ns();
        uint64_t found = 0;
        for (uint32_t i = 0; i < LOOKUPS; i++) {
            uint32_t row;
            waggle_id id = waggle_id_number(test_below(&random, ROWS) * 3 + miss);
            found += wg_id_column_find(&column, &id, &row);
        }
        print_speed(miss ? "column, misses" : "column, hits", LOOKUPS, begin);
        WG_CHECK_U64(found, miss ? 0 : LOOKUPS);
        begin = wg_now_ns();
        found = 0;
        for (uint32_t i = 0; i < LOOKUPS; i++) {
            uint32_t slot;
            waggle_id id = waggle_id_number(test_below(&random, ROWS) * 3 + miss);
            found += wg_id_table_find(&table, &id, number_of_slot, numbers, &slot);
        }
        print_speed(miss ? "head, misses" : "head, hits", LOOKUPS, begin);
        WG_CHECK_U64(found, miss ? 0 : LOOKUPS);
    }
    wg_segment_release(file);
    wg_id_table_finish(&table);
    wg_id_writer_destroy(writer);
    wg_vfs_memory_destroy(vfs);
    free(numbers);
}
