#include "cli/letters.h"
#include "support/test.h"

#include <math.h>

static double cosine(const char *a, const char *b)
{
    float x[CLI_LETTERS_DIM], y[CLI_LETTERS_DIM];
    double dot = 0, xx = 0, yy = 0;

    cli_letters_vector(a, strlen(a), x);
    cli_letters_vector(b, strlen(b), y);
    for (uint32_t i = 0; i < CLI_LETTERS_DIM; i++) {
        dot += (double)x[i] * (double)y[i];
        xx += (double)x[i] * (double)x[i];
        yy += (double)y[i] * (double)y[i];
    }
    return dot / sqrt(xx * yy);
}

WG_TEST(misspelled_words_lie_near_what_was_meant)
{
    WG_CHECK(cosine("definately", "definitely") > 0.7);
    WG_CHECK(cosine("definately", "elephant") < 0.5);
    WG_CHECK(cosine("recieve", "receive") > cosine("recieve", "relieve"));
}

WG_TEST(the_same_word_has_the_same_vector)
{
    WG_CHECK(cosine("honey", "honey") > 0.999);
    WG_CHECK(cosine("Honey", "hONEY") > 0.999);
}

// ^a$ has a, ^a, a$, ^a$, and ^ and $ with one letter between them: five, and no more.
WG_TEST(every_group_counts_once)
{
    float vector[CLI_LETTERS_DIM];
    double sum = 0;

    cli_letters_vector("a", 1, vector);
    for (uint32_t i = 0; i < CLI_LETTERS_DIM; i++) {
        sum += fabs((double)vector[i]);
    }
    WG_CHECK(sum == 5 || sum == 3 || sum == 1); // two may fall on each other with opposite signs
}

WG_TEST(letters_of_several_bytes_stay_whole)
{
    float vector[CLI_LETTERS_DIM], other[CLI_LETTERS_DIM];

    // One letter of two bytes has as many groups as one of one byte.
    cli_letters_vector("\xC3\xA9", 2, vector);
    double sum = 0;
    for (uint32_t i = 0; i < CLI_LETTERS_DIM; i++) {
        sum += fabs((double)vector[i]);
    }
    WG_CHECK(sum == 5 || sum == 3 || sum == 1);
    cli_letters_vector("e", 1, other);
    WG_CHECK(memcmp(vector, other, sizeof(vector)) != 0);
}

WG_TEST(the_longest_word_fits)
{
    char word[CLI_LETTERS_WORD_MAX];
    float vector[CLI_LETTERS_DIM];
    bool any = false;

    for (size_t i = 0; i < sizeof(word); i++) {
        word[i] = (char)('a' + i % 26);
    }
    cli_letters_vector(word, sizeof(word), vector);
    for (uint32_t i = 0; i < CLI_LETTERS_DIM; i++) {
        any = any || vector[i] != 0;
    }
    WG_CHECK(any);
}
