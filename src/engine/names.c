// The parts of waggle.h that need no database: version, types, metrics, scans, ids as text.
#include "base/bytes.h"
#include "base/json.h"
#include "storage/ids.h"
#include "vector/type.h"

#include <stdio.h>
#include <string.h>

const char *waggle_version(void)
{
    return WAGGLE_VERSION;
}

const char *waggle_type_name(waggle_type type)
{
    return wg_type_name(type);
}

const char *waggle_metric_name(waggle_metric metric)
{
    return wg_metric_name(metric);
}

bool waggle_metric_supports(waggle_metric metric, waggle_type type)
{
    return wg_metric_supports(metric, type);
}

const char *waggle_scan_name(waggle_scan scan)
{
    static const char *const names[] = {[WAGGLE_SCAN_AUTO] = "auto",
                                        [WAGGLE_SCAN_F32] = "f32",
                                        [WAGGLE_SCAN_CERTIFIED] = "certified",
                                        [WAGGLE_SCAN_PROBABLE] = "probable"};
    return (size_t)scan < WG_COUNT(names) ? names[scan] : NULL;
}

// Names of types, metrics and scans, from 1 on.
typedef const char *(*name_fn)(uint32_t number);

static const char *type_name_at(uint32_t number)
{
    return wg_type_name((waggle_type)number);
}

static const char *metric_name_at(uint32_t number)
{
    return wg_metric_name((waggle_metric)number);
}

static const char *scan_name_at(uint32_t number)
{
    return waggle_scan_name((waggle_scan)number);
}

// The number of a word, or an error that lists what there is.
static waggle_status word_find(const char *what, name_fn name_at, const char *word, uint32_t *found,
                               waggle_error *error)
{
    char known[128] = "";
    size_t used = 0;
    for (uint32_t i = 1; name_at(i) != NULL; i++) {
        if (word != NULL && strcmp(name_at(i), word) == 0) {
            *found = i;
            return WAGGLE_OK;
        }
        int wrote =
            snprintf(known + used, sizeof known - used, "%s%s", i == 1 ? "" : ", ", name_at(i));
        used += wrote < 0 ? 0 : (size_t)wrote;
        WG_ASSERT(used < sizeof known);
    }
    return wg_fail(error, WAGGLE_INVALID, "%s \"%.40s\" is not known; it is one of %s", what,
                   word == NULL ? "" : word, known);
}

waggle_status waggle_type_parse(const char *name, waggle_type *type, waggle_error *error)
{
    uint32_t found = 0;
    waggle_status status = word_find("element type", type_name_at, name, &found, error);
    if (status == WAGGLE_OK) *type = (waggle_type)found;
    return status;
}

waggle_status waggle_metric_parse(const char *name, waggle_metric *metric, waggle_error *error)
{
    uint32_t found = 0;
    waggle_status status = word_find("metric", metric_name_at, name, &found, error);
    if (status == WAGGLE_OK) *metric = (waggle_metric)found;
    return status;
}

waggle_status waggle_scan_parse(const char *name, waggle_scan *scan, waggle_error *error)
{
    uint32_t found = 0;
    waggle_status status = word_find("scan", scan_name_at, name, &found, error);
    if (status == WAGGLE_OK) *scan = (waggle_scan)found;
    return status;
}

size_t waggle_vector_size(waggle_type type, uint32_t dim)
{
    if (!wg_type_valid(type)) return 0;
    return type == WAGGLE_B1 ? ((size_t)dim + 7) / 8 : wg_type_size(type) * dim;
}

waggle_id waggle_id_string(const char *string)
{
    size_t size = string == NULL ? 0 : strlen(string);
    waggle_id id = {.kind = WAGGLE_ID_STRING,
                    .size = size > UINT32_MAX ? UINT32_MAX : (uint32_t)size};
    id.value.string = string;
    return id;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// RFC 4122, section 3; hyphens all there or none.
static bool uuid_parse(const char *text, uint8_t uuid[16])
{
    if (strncmp(text, "urn:uuid:", 9) == 0) text += 9;
    bool hyphens = strlen(text) == 36;
    if (!hyphens && strlen(text) != 32) return false;
    for (int i = 0; i < 16; i++) {
        if (hyphens && (i == 4 || i == 6 || i == 8 || i == 10) && *text++ != '-') return false;
        int high = hex_digit(text[0]);
        int low = high < 0 ? -1 : hex_digit(text[1]);
        if (low < 0) return false;
        uuid[i] = (uint8_t)(high << 4 | low);
        text += 2;
    }
    return true;
}

waggle_status waggle_id_uuid(const char *text, waggle_id *id, waggle_error *error)
{
    waggle_id made = {.kind = WAGGLE_ID_UUID};
    if (text == NULL || !uuid_parse(text, made.value.uuid))
        return wg_fail(error, WAGGLE_INVALID,
                       "\"%.60s\" is not a UUID; one looks like "
                       "550e8400-e29b-41d4-a716-446655440000",
                       text == NULL ? "" : text);
    *id = made;
    return WAGGLE_OK;
}

static bool number_parse(const char *text, uint64_t *number, bool *fits)
{
    *number = 0;
    *fits = true;
    if (*text == 0) return false;
    for (; *text != 0; text++) {
        if (*text < '0' || *text > '9') return false;
        if (__builtin_mul_overflow(*number, 10u, number) ||
            __builtin_add_overflow(*number, (uint64_t)(*text - '0'), number))
            *fits = false;
    }
    return true;
}

waggle_status waggle_id_parse(const char *text, waggle_id *id, waggle_error *error)
{
    uint64_t number;
    bool fits;
    if (text == NULL || *text == 0) return wg_fail(error, WAGGLE_INVALID, "the id is empty");
    waggle_id made = {.kind = WAGGLE_ID_UUID};
    if (uuid_parse(text, made.value.uuid)) {
        *id = made;
        return WAGGLE_OK;
    }
    if (number_parse(text, &number, &fits)) {
        if (!fits)
            return wg_fail(error, WAGGLE_INVALID, "id %.60s is too large; the most is %" PRIu64,
                           text, UINT64_MAX);
        *id = waggle_id_number(number);
        return WAGGLE_OK;
    }
    made = waggle_id_string(text);
    waggle_status status = wg_id_check(&made, error);
    if (status == WAGGLE_OK) *id = made;
    return status;
}

size_t waggle_id_format(const waggle_id *id, char *text, size_t capacity)
{
    int size = 0;
    const uint8_t *u = id->value.uuid;
    switch (id->kind) {
    case WAGGLE_ID_NUMBER: size = snprintf(text, capacity, "%" PRIu64, id->value.number); break;
    case WAGGLE_ID_UUID:
        size = snprintf(text, capacity,
                        "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                        u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11],
                        u[12], u[13], u[14], u[15]);
        break;
    case WAGGLE_ID_STRING:
        size = snprintf(text, capacity, "%.*s", (int)WG_MIN(id->size, WAGGLE_ID_SIZE_MAX),
                        id->value.string);
        break;
    default: size = snprintf(text, capacity, "(id of kind %u)", id->kind); break;
    }
    return size < 0 ? 0 : (size_t)size;
}

int waggle_id_compare(const waggle_id *a, const waggle_id *b)
{
    return wg_id_compare(a, b);
}
