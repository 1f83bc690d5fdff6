// OpenBLAS: the scores of a block of queries with a block of rows by sgemm, then a selection of the k best of them, block
// after block. |q - x|^2 = |q|^2 - 2 q.x + |x|^2, and |q|^2 changes no order, so a score is |x|^2 - 2 q.x
// (or -q.x). The norms are made when the peer is. Of 16 scores at a time it is first asked whether one is below the
// k-th, which most are not. The shape of a block is the best of eight for 1,000 queries (GFLOP/s of processor time, 20,000 x
// 768 and 100,000 x 128, one core with AVX-512): 512 rows x 1,000 queries 140 and 102, 256 x 1,000 138 and 101, 512 x 512
// 134 and 99, 1,024 x 256 125 and 92.
//
// The library is loaded when the peer is made, because it chooses its kernels when it is loaded: version 0.3.21 does not know
// processors after Skylake and takes those of Prescott, which are five times slower than what it has. So a machine with
// AVX-512 gets OPENBLAS_CORETYPE=SKYLAKEX, unless that variable is set.
#include "peers.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_ROWS 512u
#define BLOCK_QUERIES 1000u // 2 MB of scores
#define GROUP 16u
#define ROW_MAJOR 101 // of cblas.h
#define NO_TRANSPOSE 111
#define TRANSPOSE 112

typedef void (*sgemm_fn)(int order, int transpose_a, int transpose_b, int m, int n, int k,
                         float alpha, const float *a, int lda, const float *b, int ldb, float beta,
                         float *c, int ldc);
typedef void (*set_threads_fn)(int count);
typedef char *(*text_fn)(void);

typedef struct best {
    float score;
    uint64_t id;
} best;

struct peer_engine {
    peer_data data;
    void *library;
    sgemm_fn sgemm;
    float *norms;  // |x|^2; zeros for dot
    float *scores; // BLOCK_QUERIES x BLOCK_ROWS
    best *heaps;   // BLOCK_QUERIES x PEER_K_MAX, the worst first
    char version[256];
};

static void destroy(peer_engine *peer)
{
    if (peer == NULL) return;
    if (peer->library != NULL) dlclose(peer->library);
    free(peer->norms);
    free(peer->scores);
    free(peer->heaps);
    free(peer);
}

static bool symbol_get(void *library, const char *name, void *function, size_t size)
{
    void *symbol = dlsym(library, name);
    memcpy(function, &symbol,
           size); // ISO C has no conversion from an object's pointer to a function's
    return symbol != NULL;
}

static bool library_open(peer_engine *peer)
{
    set_threads_fn set_threads = NULL;
    text_fn core = NULL, config = NULL;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        setenv("OPENBLAS_CORETYPE", "SKYLAKEX", 0);
#endif
    setenv("OPENBLAS_NUM_THREADS", "1", 1); // or it starts threads while it is loaded
    peer->library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
    if (peer->library == NULL) return false;
    if (!symbol_get(peer->library, "cblas_sgemm", &peer->sgemm, sizeof peer->sgemm)) return false;
    if (!symbol_get(peer->library, "openblas_set_num_threads", &set_threads, sizeof set_threads) ||
        !symbol_get(peer->library, "openblas_get_corename", &core, sizeof core) ||
        !symbol_get(peer->library, "openblas_get_config", &config, sizeof config))
        return false;
    set_threads(1);
    snprintf(peer->version, sizeof peer->version, "%s; %s kernels, 1 thread", config(), core());
    return true;
}

static void norms_make(peer_engine *peer)
{
    const float *row = peer->data.rows;
    for (uint64_t i = 0; i < peer->data.count; i++, row += peer->data.dim) {
        double sum = 0;
        for (uint32_t j = 0; j < peer->data.dim; j++)
            sum += (double)row[j] * (double)row[j];
        peer->norms[i] = peer->data.dot ? 0 : (float)sum;
    }
}

static peer_engine *create(const peer_data *data)
{
    peer_engine *made = calloc(1, sizeof *made);
    if (made == NULL) return NULL;
    made->data = *data;
    made->norms = calloc(data->count + GROUP, sizeof *made->norms);
    made->scores = malloc(sizeof(float) * BLOCK_QUERIES * BLOCK_ROWS);
    made->heaps = malloc(sizeof(best) * BLOCK_QUERIES * PEER_K_MAX);
    if (made->norms == NULL || made->scores == NULL || made->heaps == NULL || !library_open(made)) {
        destroy(made);
        return NULL;
    }
    norms_make(made);
    return made;
}

static const char *version(const peer_engine *peer)
{
    return peer->version;
}

// Replaces the worst of a full heap.
static void heap_replace(best *heap, uint32_t k, best entry)
{
    uint32_t at = 0;
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= k) break;
        if (child + 1 < k && heap[child + 1].score > heap[child].score) child++;
        if (heap[child].score <= entry.score) break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = entry;
}

// The scores of one query with `count` rows from `first` on: scores holds the dot products times -2 (or -1).
static void select_row(best *heap, uint32_t k, const float *scores, const float *norms,
                       uint64_t first, uint32_t count)
{
    for (uint32_t i = 0; i < count; i += GROUP) {
        float worst = heap[0].score;
        int below = 0;
        uint32_t end = i + GROUP <= count ? GROUP : count - i;
        if (end == GROUP) {
            for (uint32_t j = 0; j < GROUP; j++)
                below |= scores[i + j] + norms[first + i + j] < worst;
            if (below == 0) continue;
        }
        for (uint32_t j = 0; j < end; j++) {
            float score = scores[i + j] + norms[first + i + j];
            if (score < heap[0].score) heap_replace(heap, k, (best){score, first + i + j});
        }
    }
}

static void search_block(peer_engine *peer, const float *queries, uint32_t count, uint32_t k,
                         uint64_t *ids)
{
    const peer_data *data = &peer->data;
    int dim = (int)data->dim;
    for (uint32_t q = 0; q < count; q++)
        for (uint32_t i = 0; i < k; i++)
            peer->heaps[(size_t)q * k + i] = (best){__builtin_huge_valf(), 0};
    for (uint64_t first = 0; first < data->count; first += BLOCK_ROWS) {
        uint64_t left = data->count - first;
        uint32_t rows = left < BLOCK_ROWS ? (uint32_t)left : BLOCK_ROWS;
        peer->sgemm(ROW_MAJOR, NO_TRANSPOSE, TRANSPOSE, (int)count, (int)rows, dim,
                    data->dot ? -1.0f : -2.0f, queries, dim, data->rows + first * data->dim, dim, 0,
                    peer->scores, BLOCK_ROWS);
        for (uint32_t q = 0; q < count; q++)
            select_row(peer->heaps + (size_t)q * k, k, peer->scores + (size_t)q * BLOCK_ROWS,
                       peer->norms, first, rows);
    }
    for (size_t i = 0; i < (size_t)count * k; i++)
        ids[i] = peer->heaps[i].id;
}

static void search(peer_engine *peer, const float *queries, uint64_t count, uint32_t k,
                   uint64_t *ids)
{
    for (uint64_t q = 0; q < count; q += BLOCK_QUERIES) {
        uint64_t left = count - q;
        search_block(peer, queries + q * peer->data.dim,
                     left < BLOCK_QUERIES ? (uint32_t)left : BLOCK_QUERIES, k, ids + q * k);
    }
}

const peer_ops peer_openblas = {"openblas", "libopenblas-dev", create, destroy, version, search};
