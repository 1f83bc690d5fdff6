// zstd (RFC 8878) through libzstd: one context per user, and dictionaries that are digested once.
#include "base/bytes.h"
#include "base/codec_stream.h"

#include <zdict.h>
#include <zstd.h>

struct wg_zstd {
    ZSTD_CCtx *compressor;
    ZSTD_DCtx *decompressor;
};

size_t wg_zstd_bound(size_t size)
{
    return ZSTD_compressBound(size);
}

// The library's type under a name of ours: it is only ever cast.
wg_zstd_dictionary *wg_zstd_dictionary_create(const void *dictionary, size_t size)
{
    return (wg_zstd_dictionary *)ZSTD_createDDict(dictionary, size);
}

void wg_zstd_dictionary_destroy(wg_zstd_dictionary *dictionary)
{
    ZSTD_freeDDict((ZSTD_DDict *)dictionary);
}

wg_zstd *wg_zstd_create(int level, const void *dictionary, size_t dictionary_size)
{
    wg_zstd *zstd = wg_alloc_zeroed(NULL, WG_MEMORY_SCRATCH, sizeof *zstd);
    if (zstd == NULL) return NULL;
    zstd->compressor = ZSTD_createCCtx();
    zstd->decompressor = ZSTD_createDCtx();
    if (zstd->compressor == NULL || zstd->decompressor == NULL) goto failed;

    if (ZSTD_isError(ZSTD_CCtx_setParameter(zstd->compressor, ZSTD_c_compressionLevel, level))) {
        goto failed;
    }
    if (dictionary_size > 0 &&
        ZSTD_isError(ZSTD_CCtx_loadDictionary(zstd->compressor, dictionary, dictionary_size))) {
        goto failed;
    }
    return zstd;

failed:
    wg_zstd_destroy(zstd);
    return NULL;
}

void wg_zstd_destroy(wg_zstd *zstd)
{
    if (zstd == NULL) return;
    ZSTD_freeCCtx(zstd->compressor);
    ZSTD_freeDCtx(zstd->decompressor);
    wg_free(zstd);
}

size_t wg_zstd_size(const wg_zstd *zstd)
{
    return ZSTD_sizeof_CCtx(zstd->compressor) + ZSTD_sizeof_DCtx(zstd->decompressor);
}

waggle_status wg_zstd_compress(wg_zstd *zstd, const void *source, size_t source_size, void *target,
                               size_t *size, waggle_error *error)
{
    size_t written = ZSTD_compress2(zstd->compressor, target, *size, source, source_size);
    if (ZSTD_isError(written)) {
        return wg_fail(error, WAGGLE_INVALID, "zstd: %zu bytes do not compress into %zu: %s",
                       source_size, *size, ZSTD_getErrorName(written));
    }
    *size = written;
    return WAGGLE_OK;
}

waggle_status wg_zstd_decompress(wg_zstd *zstd, const wg_zstd_dictionary *dictionary,
                                 const void *source, size_t source_size, void *target, size_t *size,
                                 waggle_error *error)
{
    size_t written = ZSTD_decompress_usingDDict(zstd->decompressor, target, *size, source,
                                                source_size, (const ZSTD_DDict *)dictionary);
    if (ZSTD_isError(written)) {
        return wg_fail(error, WAGGLE_CORRUPT, "zstd: %zu bytes do not unpack into %zu: %s",
                       source_size, *size, ZSTD_getErrorName(written));
    }
    *size = written;
    return WAGGLE_OK;
}

void wg_zstd_train(const void *samples, const size_t *sizes, uint32_t count, void *dictionary,
                   size_t *size)
{
    size_t trained = ZDICT_trainFromBuffer(dictionary, *size, samples, sizes, count);
    *size = ZDICT_isError(trained) ? 0 : trained;
}

// ---- Piece by piece -----------------------------------------------------------------------------

bool wg_zstd_begins_frame(const uint8_t *bytes)
{
    uint32_t magic = wg_get32(bytes);
    return magic == ZSTD_MAGICNUMBER ||
           (magic & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START;
}

// As above, a name of ours.
wg_zstd_unpacker *wg_zstd_unpacker_create(void)
{
    return (wg_zstd_unpacker *)ZSTD_createDStream();
}

void wg_zstd_unpacker_destroy(wg_zstd_unpacker *unpacker)
{
    ZSTD_freeDStream((ZSTD_DStream *)unpacker);
}

const char *wg_zstd_unpack(wg_zstd_unpacker *unpacker, const uint8_t *source, size_t *source_size,
                           uint8_t *target, size_t *target_size, bool *between)
{
    ZSTD_inBuffer in = {source, *source_size, 0};
    ZSTD_outBuffer out = {target, *target_size, 0};
    size_t result = ZSTD_decompressStream((ZSTD_DStream *)unpacker, &out, &in);
    if (ZSTD_isError(result)) return ZSTD_getErrorName(result);
    *source_size = in.pos;
    *target_size = out.pos;
    *between = result == 0;
    return NULL;
}
