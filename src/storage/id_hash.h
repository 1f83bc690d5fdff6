// The slots of an open-addressed table of rows, in memory while a part is written and the same on disk.
//
// A table has 2^c slots of 32 bits. A row is below 2^c, so row + 1 fills the lower c bits of a slot; the upper
// ones hold bits of its id's hash, which tell nearly every other id apart without touching the row:
// in a part of a million rows, 2047 of 2048. A row's slot is the first free one from hash % 2^c on.
#pragma once

#include "base/status.h"

static inline uint32_t wg_id_slot_tag(uint64_t hash, uint32_t mask)
{
    return (uint32_t)(hash >> 32) & ~mask;
}

static inline uint32_t wg_id_slot(uint64_t hash, uint32_t row, uint32_t mask)
{
    return wg_id_slot_tag(hash, mask) | (row + 1);
}
