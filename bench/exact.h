// What bench_exact measures, and how its parts share it.
//
//   exact.c          the sets, databases and peers; what runs when
//   exact_measure.c  one batch size of one set: our searches, the peers and the probes, in turn
//   exact_report.c   the table of measurements, and the figures with their goals
#pragma once

#include "peers.h"
#include "sets.h"
#include "support.h"
#include "truth.h"

#define EXACT_K 10u
#define EXACT_BATCHES 3u
#define EXACT_THREADS 2u // 1 and 2
#define EXACT_PEERS 2u
#define EXACT_STAGES 4u

static const uint32_t exact_batches[EXACT_BATCHES] = {1, 100, 1000};

// How our engine searches.
typedef enum exact_way {
    EXACT_FLOATS,
    EXACT_BYTES,
    EXACT_CERTIFIED, // by codes of the floats
    EXACT_PROBABLE,
    EXACT_WAYS
} exact_way;

static inline bench_form exact_form(exact_way way)
{
    return way == EXACT_BYTES ? BENCH_BYTES : BENCH_FLOATS;
}

// One way to search, in every pair of a run.
typedef struct exact_cell {
    bool measured;
    double seconds[BENCH_PAIRS_MAX]; // per query
    double recall;
    uint64_t bytes;                        // that a search reads
    uint64_t rows[EXACT_STAGES];           // that the last search left to each stage
    const char *stage_names[EXACT_STAGES]; // static; NULL = no further stage
} exact_cell;

// What the machine could do in the same pair: bytes and operations per second.
typedef struct exact_roof {
    double bandwidth[BENCH_PAIRS_MAX];
    double peak[BENCH_PAIRS_MAX]; // 0 = there is no probe
} exact_roof;

// All of one set.
typedef struct exact_results {
    const char *name;
    uint32_t dim;
    uint64_t count;
    uint32_t pairs;
    const char *missing; // why nothing was measured; NULL = it was
    const char *simd;    // of our engine
    exact_cell ours[EXACT_WAYS][EXACT_BATCHES][EXACT_THREADS];
    exact_roof roofs[BENCH_FORMS][EXACT_BATCHES][EXACT_THREADS];
    exact_cell peers[EXACT_PEERS][EXACT_BATCHES];
} exact_results;

extern const peer_ops *const exact_peers[EXACT_PEERS];

typedef enum exact_peer {
    EXACT_HNSWLIB,
    EXACT_OPENBLAS
} exact_peer;

// A set that is open for searching.
typedef struct exact_run {
    const bench_options *options;
    const bench_set *set;
    bench_truth truths[BENCH_FORMS];
    waggle_database *databases[EXACT_THREADS]; // the same files, searched by 1 and 2 threads
    waggle_collection *collections[EXACT_THREADS][BENCH_FORMS];
    peer_engine *peers[EXACT_PEERS]; // NULL = not there
    exact_results *results;
} exact_run;

const char *exact_form_name(const bench_set *set, bench_form form); // "f32", "u8", "i8"
// Checks the recall of everything at this batch size, then measures.
void exact_measure(exact_run *run, uint32_t batch);

// The measurements of a set as lines on standard error, and in the report.
void exact_table(bench_report *report, const exact_results *results);
// The figures of all sets; results has BENCH_SETS of them.
void exact_figures(bench_report *report, const bench_options *options,
                   const exact_results *results);
