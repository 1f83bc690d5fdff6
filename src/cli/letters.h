// Words as vectors of their letters: words that look alike come to lie close together. `waggle demo` and
// `waggle search --text` use it; a collection says that its vectors are made so by their name.
#pragma once

#include "base/status.h"

#define CLI_LETTERS_NAME "letters"
#define CLI_LETTERS_DIM 256u
#define CLI_LETTERS_WORD_MAX 255u // bytes of a word

// Counts the single letters of the word, and of ^word$ the groups of 2 and 3 letters, into a vector of
// CLI_LETTERS_DIM components by signed feature hashing (Weinberger et al., ICML 2009): what is counted chooses,
// by its hash, the component and the sign of 1. Two letters with one between them count as a group of 2. ASCII
// capitals count as small letters. size is 1 to CLI_LETTERS_WORD_MAX.
//
// Chosen by 35 frequent misspellings among 104,334 words, whose right form is first / among the first three:
// groups of 2 to 4 letters 19 / 22, with single letters 23 / 29, and this 29 / 33. Swapped letters, as in
// "recieve", break most groups but leave single letters and pairs.
void cli_letters_vector(const char *word, size_t size, float *vector);
