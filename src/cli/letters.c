#include "cli/letters.h"

#include "base/hash.h"

#include <string.h>

#define GROUP_MAX 3u

typedef struct letters {
    char text[CLI_LETTERS_WORD_MAX + 2];       // ^word$
    uint16_t starts[CLI_LETTERS_WORD_MAX + 3]; // of each letter, and the end
    uint32_t count;
} letters;

// UTF-8 letters have several bytes: continuations have the form 10xxxxxx.
static void split_letters(const char *word, size_t size, letters *l)
{
    size_t at = 0;

    l->text[at++] = '^';
    for (size_t i = 0; i < size; i++) {
        bool capital = word[i] >= 'A' && word[i] <= 'Z';
        l->text[at++] = capital ? (char)(word[i] - 'A' + 'a') : word[i];
    }
    l->text[at++] = '$';
    l->count = 0;
    for (size_t i = 0; i < at; i++) {
        bool begins = ((unsigned char)l->text[i] & 0xC0) != 0x80;
        if (begins) l->starts[l->count++] = (uint16_t)i;
    }
    l->starts[l->count] = (uint16_t)at;
}

static void count_feature(float *vector, const char *feature, size_t size)
{
    uint64_t hash = wg_hash(feature, size);

    vector[hash % CLI_LETTERS_DIM] += hash >> 63 != 0 ? 1.0f : -1.0f;
}

static size_t letter_size(const letters *l, uint32_t index)
{
    return (size_t)l->starts[index + 1] - l->starts[index];
}

// Letters i and i + 2, as if they stood side by side: so swapped letters still make pairs of the right word.
static void count_gap_pair(float *vector, const letters *l, uint32_t i)
{
    char feature[2 * CLI_LETTERS_WORD_MAX];
    size_t first = letter_size(l, i), second = letter_size(l, i + 2);

    memcpy(feature, l->text + l->starts[i], first);
    memcpy(feature + first, l->text + l->starts[i + 2], second);
    count_feature(vector, feature, first + second);
}

void cli_letters_vector(const char *word, size_t size, float *vector)
{
    letters l;

    WG_ASSERT(size > 0 && size <= CLI_LETTERS_WORD_MAX);
    memset(vector, 0, CLI_LETTERS_DIM * sizeof(*vector));
    split_letters(word, size, &l);
    for (uint32_t length = 1; length <= GROUP_MAX; length++) {
        for (uint32_t i = 0; i + length <= l.count; i++) {
            bool mark = length == 1 && (i == 0 || i + 1 == l.count); // every word has it
            if (mark) continue;
            count_feature(vector, l.text + l.starts[i], (size_t)l.starts[i + length] - l.starts[i]);
        }
    }
    for (uint32_t i = 0; i + 2 < l.count; i++) {
        count_gap_pair(vector, &l, i);
    }
}
