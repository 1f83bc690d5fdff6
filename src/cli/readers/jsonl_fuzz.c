// Any bytes as jsonl files: rows come out whole, or an error does.
#include "cli/readers/fuzzing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzzing_run(CLI_FORMAT_JSONL, data, size);
    return 0;
}
