#include "support/points.h"

void points_id(uint32_t index, waggle_id *id, char text[POINTS_ID_SIZE])
{
    if (index % 3 == 0) {
        *id = waggle_id_number(index);
    } else if (index % 3 == 1) {
        *id = (waggle_id){.kind = WAGGLE_ID_UUID};
        memset(id->value.uuid, (int)index, 16);
    } else {
        snprintf(text, POINTS_ID_SIZE, "id-%03u", index);
        *id = waggle_id_string(text);
    }
}

waggle_text points_payload(uint64_t stamp, char text[POINTS_PAYLOAD_SIZE])
{
    if (stamp == 0) return (waggle_text){0};
    int size = snprintf(text, POINTS_PAYLOAD_SIZE, "{\"stamp\":%llu}", (unsigned long long)stamp);
    return (waggle_text){text, (size_t)size};
}

uint64_t points_stamp(waggle_text payload)
{
    char text[POINTS_PAYLOAD_SIZE] = "";
    unsigned long long stamp = 0;
    if (payload.data == NULL) return payload.size == 0 ? 0 : UINT64_MAX;
    if (payload.size >= sizeof text) return UINT64_MAX;
    memcpy(text, payload.data, payload.size);
    if (sscanf(text, "{\"stamp\":%llu}", &stamp) != 1 || stamp == 0) return UINT64_MAX;
    waggle_text expected = points_payload(stamp, text);
    bool equal = payload.size == expected.size && memcmp(payload.data, text, payload.size) == 0;
    return equal ? stamp : UINT64_MAX;
}

waggle_status points_import(waggle_collection *collection, const waggle_points *points,
                            waggle_error *error)
{
    waggle_import *import = NULL;
    waggle_status status = waggle_import_open(collection, &import, error);
    if (status == WAGGLE_OK) status = waggle_import_add(import, points, error);
    if (status == WAGGLE_OK) status = waggle_import_commit(import, error);
    waggle_import_close(import);
    return status;
}

waggle_status points_seal(waggle_collection *collection, waggle_error *error)
{
    wg_mutex_lock(&collection->database->care);
    waggle_status status = wg_seal(collection->database, &collection, 1, error);
    wg_mutex_unlock(&collection->database->care);
    return status;
}
