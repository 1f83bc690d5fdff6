#!/bin/sh
# The checks find what they should: each is run over a small tree that is clean, and then over the same tree
# with one violation planted. usage: tests/checks_test.sh
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
passed=0
failed=0

# The clean tree. It holds traps: banned words inside comments, strings, and names of other functions.
plant_clean() {
    rm -rf "$tree"
    mkdir -p "$tree/include" "$tree/src/base" "$tree/src/vector" "$tree/src/storage" "$tree/src/cli" \
        "$tree/src/device/cpu" "$tree/tests"
    cp "$root/.clang-format" "$tree/"
    printf '#include <stdint.h>\n' >"$tree/include/waggle.h"
    printf '#include <waggle.h>\n\n#include <pthread.h>\n#include <stdlib.h>\n#include <zstd.h>\n' >"$tree/src/base/a.h"
    printf '#include "base/a.h"\n' >"$tree/src/vector/v.h"
    printf '#include "base/a.h"\n\n// malloc(1) and strcpy(a, b) are words here\n' >"$tree/src/storage/s.h"
    printf '#include "storage/s.h"\n\n/* free(x)\n   atoi(x) */\nconst char *wg_s = "fopen(\\"x\\") system(1)";\n' \
        >"$tree/src/storage/s.c"
    printf '#include "storage/s.h"\n\n#include <cmocka.h>\n#include <zlib.h>\n' >"$tree/src/storage/s_test.c"
    printf '#include "vector/v.h"\n\n#include <immintrin.h>\n' >"$tree/src/device/cpu/k.c"
    printf '#include "base/a.h"\n\n#include <stdio.h>\n\nvoid wg_say(const ops *o)\n{\n    printf("x");\n    o->free(o);\n    my_free(o);\n}\n' \
        >"$tree/src/cli/c.c"
    printf '# Page\n\nSee [this](PAGE.md) and [that](https://example.org/x).\n' >"$tree/PAGE.md"
}

# check NAME EXPECTED: passes if the check's verdict, and the place that it names, are the expected ones.
check() {
    name=$1
    expected=$2
    status=0
    output=$("$root/scripts/check-$name" "$tree" 2>&1) || status=$?
    case $expected in
    clean) [ "$status" -eq 0 ] && ok=1 || ok=0 ;;
    *)
        ok=0
        if [ "$status" -ne 0 ]; then
            case $output in *"$expected"*) ok=1 ;; esac
        fi
        ;;
    esac
    if [ "$ok" -eq 1 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "check-$name: expected '$expected', status $status, output:"
        echo "$output"
    fi
}

# planted CHECK FILE LINE EXPECTED: adds a line to a file of the clean tree and looks for FILE:number.
planted() {
    plant_clean
    printf '%s\n' "$3" >>"$tree/$2"
    check "$1" "$2:$(wc -l <"$tree/$2" | tr -d ' '): $4"
}

plant_clean
for name in layers banned links; do check "$name" clean; done

planted layers src/vector/v.h '#include "storage/s.h"' 'vector/ may not include storage/'
planted layers src/cli/c.c '#include "vector/v.h"' 'cli/ may not include vector/'
planted layers src/base/a.h '#include "vector/v.h"' 'base/ may not include vector/'
planted layers src/storage/s.c '#include "s.h"' '"s.h" is not written from src/'
planted layers src/storage/s.c '#include "base/gone.h"' '"base/gone.h" is no file of src/'
planted layers src/storage/s.c '#include <unistd.h>' '<unistd.h> is of the operating system'
planted layers src/storage/s.c '#  include <sys/stat.h> // why' '<sys/stat.h> is of the operating system'
planted layers src/storage/s.c '#include <zlib.h>' '<zlib.h> belongs in the file of base/'
planted layers src/storage/s.c '#include <openssl/evp.h>' '<openssl/evp.h> belongs in the file of base/'
planted layers src/base/b.h '#include <zstd.h>' '<zstd.h> is already wrapped by src/base/a.h'
planted layers src/storage/s.c '#include <jansson.h>' '<jansson.h> belongs in tests'
planted layers src/vector/v.h '#include <immintrin.h>' '<immintrin.h> belongs in device/cpu/'
planted layers include/waggle.h '#include <unistd.h>' '<unistd.h> is of the operating system'
planted layers src/storage/s.c '#include MACRO' 'an include that is no plain name'
plant_clean
mkdir "$tree/src/misc"
echo >"$tree/src/misc/m.c"
check layers 'src/misc/m.c:1: src/misc/ is not in the table'

for call in 'strcpy(a, b)' 'strcat (a, b)' 'sprintf(a, "")' 'gets(a)' 'strtok(a, b)' 'atoi(a)' 'atof(a)' \
    'system("ls")' 'rand()' 'assert(a)' 'alloca(1)'; do
    planted banned src/base/a.h "static int wg_x(void) { return $call; }" "${call%%[ (]*}(): banned"
done
planted banned tests/t.c 'int x = atoi("1");' 'atoi(): banned'
for call in 'malloc(1)' 'calloc(1, 1)' 'realloc(a, 1)' 'free(a)' 'strdup(a)'; do
    planted banned src/storage/s.c "void *a = $call;" "${call%%(*}(): memory outside base/"
done
for call in 'fopen("a", "r")' 'pwrite(1, a, 1, 0)' 'rename(a, b)'; do
    planted banned src/cli/c.c "int a = $call;" "${call%%(*}(): files outside base/"
done
planted banned src/storage/s.c 'int a = printf("");' 'printf(): only cli/ prints'
planted banned src/storage/s.c 'int a = 1; /* one */ int b = free(a); // two' 'free(): memory'
planted banned src/storage/s.c 'int a = x("\"", free(b));' 'free(): memory'
for word in TODO FIXME; do
    planted banned src/vector/v.h "// $word: later" 'an open end'
done

planted links PAGE.md '[gone](docs/gone.md)' 'docs/gone.md does not exist'

# Where clang-format 14 is missing, check-format says so, and there is nothing to test.
skipped=0
rm -rf "${tree:?}"/src "${tree:?}"/tests
mkdir -p "$tree/src/base"
printf 'int wg_x;\n' >"$tree/src/base/a.c"
if "$root/scripts/check-format" "$tree" 2>&1 | grep -q '^SKIPPED'; then
    skipped=1
else
    check format clean
    printf 'int   wg_y;\n' >"$tree/src/base/b.c"
    check format 'src/base/b.c:1:4: error: code should be clang-formatted'
fi

# scripts/run-tests believes a count only from a test that ends well. sums EXPECTED STATUS COMMAND...: each command
# is a test.
sums() {
    expected=$1
    expected_status=$2
    shift 2
    : >"$tree/CTestTestfile.cmake"
    number=0
    for command in "$@"; do
        number=$((number + 1))
        printf '%s\n' "$command" >"$tree/$number.sh"
        echo "add_test(test$number /bin/sh $tree/$number.sh)" >>"$tree/CTestTestfile.cmake"
    done
    status=0
    output=$("$root/scripts/run-tests" "$tree" 2>&1) || status=$?
    if [ "$(echo "$output" | tail -n 1)" = "$expected" ] && [ "$status" -eq "$expected_status" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "run-tests: expected '$expected' and status $expected_status, got status $status and:"
        echo "$output"
    fi
}

rm -rf "${tree:?}"/*
sums "5 passed, 0 failed, 1 skipped" 0 'echo 3 passed, 0 failed, 1 skipped' 'echo 2 passed, 0 failed, 0 skipped'
sums "3 passed, 2 failed, 0 skipped" 1 'echo 3 passed, 2 failed, 0 skipped; exit 1'
sums "3 passed, 2 failed, 0 skipped" 1 'echo 3 passed, 2 failed, 0 skipped; exit 0'
sums "3 passed, 1 failed, 0 skipped" 1 'echo 3 passed, 0 failed, 0 skipped; exit 1'
sums "3 passed, 1 failed, 0 skipped" 1 'echo 3 passed, 0 failed, 0 skipped' 'kill -9 $$'
sums "1 passed, 1 failed, 0 skipped" 1 'echo 1 passed, 0 failed, 0 skipped' 'echo fine'
sums "0 passed, 0 failed, 2 skipped" 1 'echo 0 passed, 0 failed, 2 skipped'
sums "0 passed, 0 failed, 0 skipped" 1

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
