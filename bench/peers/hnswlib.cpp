// hnswlib's brute force. The header chooses its SIMD code when it is compiled: -O3 -march=native (cmake/bench.cmake).
#include "peers.h"

#include <hnswlib/hnswlib.h>
#include <memory>

struct peer_engine {
    std::unique_ptr<hnswlib::SpaceInterface<float>> space;
    std::unique_ptr<hnswlib::BruteforceSearch<float>> index;
    uint32_t dim;
};

static peer_engine *create(const peer_data *data)
{
    auto made = std::make_unique<peer_engine>();
    made->dim = data->dim;
    if (data->dot)
        made->space = std::make_unique<hnswlib::InnerProductSpace>(data->dim);
    else
        made->space = std::make_unique<hnswlib::L2Space>(data->dim);
    made->index =
        std::make_unique<hnswlib::BruteforceSearch<float>>(made->space.get(), data->count);
    for (uint64_t i = 0; i < data->count; i++)
        made->index->addPoint(data->rows + i * data->dim, i);
    return made.release();
}

static void destroy(peer_engine *peer)
{
    delete peer;
}

static const char *version(const peer_engine *)
{
    return WAGGLE_HNSWLIB_VERSION ", "
#if defined(USE_AVX512)
                                  "AVX-512"
#elif defined(USE_AVX)
                                  "AVX"
#else
                                  "plain"
#endif
                                  ", 1 thread";
}

static void search(peer_engine *peer, const float *queries, uint64_t count, uint32_t k,
                   uint64_t *ids)
{
    for (uint64_t q = 0; q < count; q++) {
        auto found = peer->index->searchKnn(queries + q * peer->dim, k);
        for (; !found.empty(); found.pop())
            *ids++ = found.top().second;
    }
}

const peer_ops peer_hnswlib = {"hnswlib", "libhnswlib-dev", create, destroy, version, search};
