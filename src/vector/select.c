// Radix selection: Alabi, Blanchard, Gordon, Steinbach, Fast k-selection algorithms for graphics processing
// units, ACM Journal of Experimental Algorithmics 17 (2012), doi:10.1145/2133803.2345676. The hits are counted by
// the highest digit of their keys, which gives the digit of the key that is looked for; those that have it are counted by the
// next digit. Nothing is moved, and a key is read as often as it has digits, whatever the data.
//
// Radix sort, from the lowest digit to the highest: Knuth, The Art of Computer Programming 3, 5.2.5. Digits in which all
// keys agree are left out: the scores of the k best mostly share their exponent.
#include "vector/select.h"

#include <string.h>

#define DIGIT_BITS 8u // sorting writes to 256 places: a line of the first-level cache for each
#define DIGITS (32u / DIGIT_BITS)
#define VALUES (1u << DIGIT_BITS)

static uint32_t digit_of(uint32_t key, uint32_t digit)
{
    return key >> digit * DIGIT_BITS & (VALUES - 1);
}

uint32_t wg_select_find(const wg_hit *hits, uint64_t count, uint64_t rank, bool lowest,
                        uint64_t *better)
{
    WG_ASSERT(rank > 0 && rank <= count);

    uint32_t found = 0; // the digits of the key that are known, the others 0
    uint32_t mask = 0;  // which bits these are
    uint64_t below = 0; // hits that have lower ones

    for (uint32_t digit = DIGITS; digit-- > 0;) {
        uint64_t counts[VALUES] = {0};
        uint32_t value = 0;
        for (uint64_t i = 0; i < count; i++) {
            uint32_t key = wg_select_key(hits[i].score, lowest);
            if ((key & mask) == found) counts[digit_of(key, digit)]++;
        }
        while (below + counts[value] < rank) {
            below += counts[value++];
        }
        found |= value << digit * DIGIT_BITS;
        mask |= (VALUES - 1) << digit * DIGIT_BITS;
    }
    *better = below;
    return found;
}

// Where the first hit of each value of a digit goes; false if all hits have the same.
static bool places_of(const uint64_t *counts, uint64_t count, uint64_t *places)
{
    uint64_t place = 0;

    for (uint32_t value = 0; value < VALUES; value++) {
        if (counts[value] == count) return false;
        places[value] = place;
        place += counts[value];
    }
    return true;
}

void wg_select_sort(wg_hit *hits, uint64_t count, bool lowest, wg_hit *spare)
{
    uint64_t counts[DIGITS][VALUES] = {{0}};
    uint64_t places[VALUES];
    wg_hit *from = hits;
    wg_hit *to = spare;

    for (uint64_t i = 0; i < count; i++) {
        uint32_t key = wg_select_key(hits[i].score, lowest);
        for (uint32_t digit = 0; digit < DIGITS; digit++) {
            counts[digit][digit_of(key, digit)]++;
        }
    }
    for (uint32_t digit = 0; digit < DIGITS; digit++) {
        if (!places_of(counts[digit], count, places)) continue;
        for (uint64_t i = 0; i < count; i++) {
            uint32_t key = wg_select_key(from[i].score, lowest);
            to[places[digit_of(key, digit)]++] = from[i];
        }
        wg_hit *sorted = to;
        to = from;
        from = sorted;
    }
    if (from != hits) memcpy(hits, from, count * sizeof(wg_hit));
}
