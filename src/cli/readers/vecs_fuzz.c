// Any bytes as vecs and bin files; the first byte chooses the format.
#include "cli/readers/fuzzing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const cli_format formats[] = {CLI_FORMAT_FVECS, CLI_FORMAT_BVECS, CLI_FORMAT_IVECS,
                                         CLI_FORMAT_FBIN,  CLI_FORMAT_U8BIN, CLI_FORMAT_I8BIN};
    if (size == 0) return 0;
    fuzzing_run(formats[data[0] % WG_COUNT(formats)], data + 1, size - 1);
    return 0;
}
