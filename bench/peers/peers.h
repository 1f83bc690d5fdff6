// What exact search is compared with, behind one interface in C. Nothing here is part of the library: peers are built with
// the benchmarks, and a peer that is not installed says so.
//
//   hnswlib   brute force, one query at a time (libhnswlib-dev; hnswlib.cpp, compiled for this very machine)
//   openblas  sgemm of blocks, and a selection of the k best from each block (libopenblas-dev; openblas.c)
//
// Both run on the caller's thread alone.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct peer_data {
    const float *rows; // borrowed for as long as the peer lives
    uint64_t count;
    uint32_t dim;
    bool dot; // the largest dot products; otherwise the smallest squared distances
} peer_data;

typedef struct peer_engine peer_engine;

typedef struct peer_ops {
    const char *name;
    const char *package;                           // whose absence is the reason for NULL
    peer_engine *(*create)(const peer_data *data); // NULL: not built, or not installed
    void (*destroy)(peer_engine *peer);            // NULL is fine
    // The version, and how it runs, as "0.3.21, SkylakeX kernels, 1 thread".
    const char *(*version)(const peer_engine *peer);
    // ids receives k row numbers per query, in no particular order. k is at most PEER_K_MAX.
    void (*search)(peer_engine *peer, const float *queries, uint64_t count, uint32_t k,
                   uint64_t *ids);
} peer_ops;

#define PEER_K_MAX 128u

extern const peer_ops peer_hnswlib;
extern const peer_ops peer_openblas;

#ifdef __cplusplus
}
#endif
