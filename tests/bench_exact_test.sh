#!/bin/sh
# bench_exact works, whatever is measured: on small data every set is searched with recall 1 by our engine and by the peers that are
# installed, the results are JSON, and what could not be measured misses its goal.
# usage: sh tests/bench_exact_test.sh BUILD
set -u
build=$1
bench=$build/bench_exact
passed=0
failed=0

# check NAME COMMAND...
check() {
    name=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "failed: $name"
    fi
}

# gone PATTERN FILE: no line of it is such
gone() {
    ! grep -q -e "$1" "$2"
}

if [ ! -x "$bench" ]; then
    echo "SKIPPED: the build folder has no benchmarks (WAGGLE_BENCH)"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM

tab=$(printf '\t')
status=0
SHARED=$folder/none "$bench" --quick --dir "$folder" --out "$folder/exact.json" >"$folder/figures" 2>"$folder/notes" || status=$?
check "a missed goal is exit code 1" [ "$status" -eq 1 ]
check "every figure has four fields" gone "^[^$tab]*\(${tab}[^$tab]*\)\{0,2\}$" "$folder/figures"
check "clustered-128 is found by all" grep -q "^clustered-128, lowest recall@10 of all$tab.*${tab}1${tab}PASS" "$folder/figures"
check "clustered-768 is found by all" grep -q "^clustered-768, lowest recall@10 of all$tab.*${tab}1${tab}PASS" "$folder/figures"
check "images that are not there miss" grep -q "^images f32, 1 query, of read.*not measured: images.npy.*MISS" "$folder/figures"
check "scans of codes are measured, certified and probable" \
    [ "$(grep -c '"engine": "\(certified\|probable\)", "type"' "$folder/exact.json")" -eq 24 ]
check "rows of each stage are counted" grep -q '"engine": "certified", .*"rows": {"4-bit": [0-9]*, "int8": [0-9]*, "f32": [0-9]*}' "$folder/exact.json"
check "figures carry a recall" grep -q "^clustered-128 f32, 100 queries.*recall 1.0000" "$folder/figures"
check "three batches with one and two threads, two types and two sets" \
    [ "$(grep -c '"engine": "waggle"' "$folder/exact.json")" -eq 24 ]
check "whoever searches finds all" gone '"recall": 0' "$folder/exact.json"
for peer in hnswlib openblas; do
    if ! grep -q "\"$peer, clustered-128\"" "$folder/exact.json"; then
        check "$peer, which is missing, misses" grep -qi "over $peer$tab.*not measured: lib$peer-dev is missing${tab}MISS" "$folder/figures"
    else
        check "$peer is compared" grep -q "\"engine\": \"$peer\"" "$folder/exact.json"
    fi
done
check "the data is named" grep -q '"sha256 of clustered-128, 2000 x 128": "[0-9a-f]\{64\}"' "$folder/exact.json"
check "no database is left" [ -z "$(find "$folder" -name 'bench.*')" ]
if command -v python3 >/dev/null; then
    check "the results are JSON" python3 -c 'import json, sys; json.load(open(sys.argv[1]))' "$folder/exact.json"
fi
[ "$failed" -eq 0 ] || cat "$folder/notes" "$folder/figures"
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
