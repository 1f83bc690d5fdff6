// Radix selection: Alabi, Blanchard, Gordon, Steinbach, Fast k-selection algorithms for graphics processing
// units, ACM Journal of Experimental Algorithmics 17 (2012), doi:10.1145/2133803.2345676. The hits are counted by
// the highest digit of their keys, which gives the digit of the key that is looked for; those that have it are counted by the
// next digit. Nothing is moved, and a key is read as often as it has digits, whatever the data.
//
// Radix sort, from the lowest digit to the highest: Knuth, The Art of Computer Programming 3, 5.2.5. Digits in which all
// keys agree are left out: the scores of the k best mostly share their exponent.
#include "vector/select.h"

#include <string.h>

#define FIND_BITS 11u // 3 digits: the counts fit into half of the first-level cache
#define SORT_BITS \
    8u // 4 digits: one line of the first-level cache for each of 256 places that are written
#define SORT_DIGITS (32u / SORT_BITS)

uint32_t wg_select_find(const wg_hit *hits, uint64_t count, uint64_t rank, bool lowest,
                        uint64_t *better)
{
    WG_ASSERT(rank > 0 && rank <= count);

    uint32_t prefix = 0; // of the key that is looked for: its digits found so far
    uint32_t mask = 0;   // which bits these are
    uint64_t below = 0;  // hits whose key is lower in these

    for (uint32_t left = 32; left > 0;) {
        uint64_t counts[1u << FIND_BITS] = {0};
        uint32_t bits = WG_MIN(left, FIND_BITS);
        uint32_t digit = 0;
        left -= bits;
        for (uint64_t i = 0; i < count; i++) {
            uint32_t key = wg_select_key(hits[i].score, lowest);
            if ((key & mask) == prefix) counts[key >> left & ((1u << bits) - 1)]++;
        }
        while (below + counts[digit] < rank) {
            below += counts[digit++];
        }
        prefix |= digit << left;
        mask |= ((1u << bits) - 1) << left;
    }
    *better = below;
    return prefix;
}

static uint32_t sort_digit(uint32_t key, uint32_t digit)
{
    return key >> digit * SORT_BITS & ((1u << SORT_BITS) - 1);
}

// Where the first hit of each value of a digit goes; false if all hits have the same.
static bool places_of(const uint64_t *counts, uint64_t count, uint64_t *places)
{
    uint64_t place = 0;

    for (uint32_t value = 0; value < 1u << SORT_BITS; value++) {
        if (counts[value] == count) return false;
        places[value] = place;
        place += counts[value];
    }
    return true;
}

void wg_select_sort(wg_hit *hits, uint64_t count, bool lowest, wg_hit *spare)
{
    uint64_t counts[SORT_DIGITS][1u << SORT_BITS] = {{0}};
    uint64_t places[1u << SORT_BITS];
    wg_hit *from = hits;
    wg_hit *to = spare;

    for (uint64_t i = 0; i < count; i++) {
        uint32_t key = wg_select_key(hits[i].score, lowest);
        for (uint32_t digit = 0; digit < SORT_DIGITS; digit++) {
            counts[digit][sort_digit(key, digit)]++;
        }
    }
    for (uint32_t digit = 0; digit < SORT_DIGITS; digit++) {
        if (!places_of(counts[digit], count, places)) continue;
        for (uint64_t i = 0; i < count; i++) {
            uint32_t key = wg_select_key(from[i].score, lowest);
            to[places[sort_digit(key, digit)]++] = from[i];
        }
        wg_hit *sorted = to;
        to = from;
        from = sorted;
    }
    if (from != hits) memcpy(hits, from, count * sizeof(wg_hit));
}
