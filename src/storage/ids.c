// Ids: what is a valid one, their order, and their bytes on disk (docs/formats/ids.md).
#include "storage/ids.h"

#include "base/hash.h"
#include "base/json.h"

#include <string.h>

enum {
    TAG_NUMBER = 0,
    TAG_UUID = 1,
    TAG_STRING = 2
};

#define NUMBER_SIZE 9u // with the tag
#define UUID_SIZE 17u

waggle_status wg_id_check(const waggle_id *id, waggle_error *error)
{
    if (id->kind == WAGGLE_ID_NUMBER || id->kind == WAGGLE_ID_UUID) return WAGGLE_OK;
    if (id->kind != WAGGLE_ID_STRING)
        return wg_fail(error, WAGGLE_INVALID, "an id of kind %" PRIu32 "; the kinds are 0 to %d",
                       id->kind, WAGGLE_ID_STRING);
    if (id->size == 0) return wg_fail(error, WAGGLE_INVALID, "an id is an empty string");
    if (id->size > WAGGLE_ID_SIZE_MAX)
        return wg_fail(error, WAGGLE_INVALID, "an id has %" PRIu32 " bytes; the most is %u",
                       id->size, WAGGLE_ID_SIZE_MAX);
    if (!wg_utf8_valid(id->value.string, id->size))
        return wg_fail(error, WAGGLE_INVALID, "an id of %" PRIu32 " bytes is not valid UTF-8",
                       id->size);
    return WAGGLE_OK;
}

size_t wg_id_encode(const waggle_id *id, uint8_t target[WG_ID_ENCODED_MAX])
{
    switch (id->kind) {
    case WAGGLE_ID_NUMBER:
        target[0] = TAG_NUMBER;
        for (uint32_t i = 0; i < 8; i++) // big-endian: the order of bytes is that of numbers
            target[1 + i] = (uint8_t)(id->value.number >> (56 - 8 * i));
        return NUMBER_SIZE;
    case WAGGLE_ID_UUID:
        target[0] = TAG_UUID;
        memcpy(target + 1, id->value.uuid, 16);
        return UUID_SIZE;
    default:
        WG_ASSERT(id->kind == WAGGLE_ID_STRING && id->size <= WAGGLE_ID_SIZE_MAX);
        target[0] = TAG_STRING;
        memcpy(target + 1, id->value.string, id->size);
        return 1 + (size_t)id->size;
    }
}

bool wg_id_view(const uint8_t *bytes, size_t size, waggle_id *id)
{
    if (size < 2) return false;
    *id = (waggle_id){0};
    if (bytes[0] == TAG_NUMBER && size == NUMBER_SIZE) {
        id->kind = WAGGLE_ID_NUMBER;
        for (uint32_t i = 0; i < 8; i++)
            id->value.number = id->value.number << 8 | bytes[1 + i];
        return true;
    }
    if (bytes[0] == TAG_UUID && size == UUID_SIZE) {
        id->kind = WAGGLE_ID_UUID;
        memcpy(id->value.uuid, bytes + 1, 16);
        return true;
    }
    if (bytes[0] == TAG_STRING && size <= WG_ID_ENCODED_MAX) {
        id->kind = WAGGLE_ID_STRING;
        id->size = (uint32_t)(size - 1);
        id->value.string = (const char *)bytes + 1;
        return true;
    }
    return false;
}

waggle_status wg_id_decode(const uint8_t *bytes, size_t size, waggle_id *id, waggle_error *error)
{
    waggle_id decoded;
    if (!wg_id_view(bytes, size, &decoded) ||
        (decoded.kind == WAGGLE_ID_STRING && !wg_utf8_valid(decoded.value.string, decoded.size)))
        return wg_fail(error, WAGGLE_CORRUPT, "%zu bytes that begin with %02x are no id", size,
                       size == 0 ? 0 : bytes[0]);
    *id = decoded;
    return WAGGLE_OK;
}

uint64_t wg_id_hash(const waggle_id *id)
{
    switch (id->kind) {
    case WAGGLE_ID_NUMBER: return wg_hash64(id->value.number);
    case WAGGLE_ID_UUID: return wg_hash(id->value.uuid, 16);
    default: return wg_hash(id->value.string, id->size);
    }
}

bool wg_id_equal(const waggle_id *a, const waggle_id *b)
{
    if (a->kind != b->kind) return false;
    switch (a->kind) {
    case WAGGLE_ID_NUMBER: return a->value.number == b->value.number;
    case WAGGLE_ID_UUID: return memcmp(a->value.uuid, b->value.uuid, 16) == 0;
    default: return a->size == b->size && memcmp(a->value.string, b->value.string, a->size) == 0;
    }
}

static int compare_strings(const waggle_id *a, const waggle_id *b)
{
    size_t size = WG_MIN(a->size, b->size);
    int order = size == 0 ? 0 : memcmp(a->value.string, b->value.string, size);
    return order != 0 ? order : (a->size > b->size) - (a->size < b->size);
}

int wg_id_compare(const waggle_id *a, const waggle_id *b)
{
    if (a->kind != b->kind) return a->kind < b->kind ? -1 : 1;
    switch (a->kind) {
    case WAGGLE_ID_NUMBER:
        return (a->value.number > b->value.number) - (a->value.number < b->value.number);
    case WAGGLE_ID_UUID: return memcmp(a->value.uuid, b->value.uuid, 16);
    default: return compare_strings(a, b);
    }
}
