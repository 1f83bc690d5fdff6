// Clustered data: vectors that lie in clusters, as embeddings do, made from a seed. The same seed gives the same bytes on
// every machine: all randomness is integers, and the floats are made by additions, multiplications and square roots, which
// IEEE 754 defines to the last bit (no function of the mathematics library, no contraction).
//
//   center_c   a normal vector of `intrinsic` components (standard deviation 1: the spread), c < 1,000,
//              taken to `dim` components by one random map with orthonormal columns
//   row        center_c + 0.1 * a normal vector of `dim` components; the c of a row has probability ~ 1 / (c + 1)
//
// Every row has its own stream of random numbers, named by its number, so rows can be made in any order and in parts.
// Queries are rows of the same mixture whose streams no row has.
#pragma once

#include <stdint.h>

#define BENCH_CLUSTERS 1000u
#define BENCH_CLUSTER_NOISE 0.1f // of the spread

typedef struct bench_clustered bench_clustered;

// intrinsic is at least 1 and at most dim.
bench_clustered *bench_clustered_create(uint32_t dim, uint32_t intrinsic, uint64_t seed);
void bench_clustered_destroy(bench_clustered *mixture); // NULL is fine
// Rows [first, first + count), of dim floats each.
void bench_clustered_rows(const bench_clustered *mixture, uint64_t first, uint64_t count,
                          float *rows);
// The same for queries.
void bench_clustered_queries(const bench_clustered *mixture, uint64_t first, uint64_t count,
                             float *queries);
// The cluster of a row, for tests.
uint32_t bench_clustered_of(const bench_clustered *mixture, uint64_t row);

#define BENCH_SHA_TEXT_SIZE 65u
// The SHA-256 of bytes, in hexadecimal.
void bench_sha256(const void *data, uint64_t size, char text[BENCH_SHA_TEXT_SIZE]);
