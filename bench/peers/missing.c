// In the place of a peer that is not installed: bench_exact says which package it lacks.
#include "peers.h"

#include <stddef.h>

static peer_engine *create(const peer_data *data)
{
    (void)data;
    return NULL;
}

static void destroy(peer_engine *peer)
{
    (void)peer;
}

const peer_ops peer_hnswlib = {"hnswlib", "libhnswlib-dev", create, destroy, NULL, NULL};
