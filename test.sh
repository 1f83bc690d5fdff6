#!/bin/sh
# The commit tier of the tests: everything that a change must pass.
#
# usage: sh test.sh [--quick] [PART...]
#   checks   format, layers, banned calls, links of the documents
#   debug    every test, compiled by gcc without optimization
#   release  every test, compiled by gcc for release; then the shell tests: command line, installation,
#            kill -9, and whether the checks find what they should
#   asan     every test under the address and undefined-behavior sanitizers, compiled by clang
#   tsan     the tests that start threads, under the thread sanitizer, compiled by clang
# Without PART all of them run; --quick is checks and debug. Build folders are kept under build/, warnings
# are errors. The last line is the sum: "N passed, N failed, N skipped".
set -eu
cd "$(dirname "$0")"

help() {
    sed -n '2,/^set -eu/s/^# \{0,1\}//p' "$0"
}

parts=
for argument in "$@"; do
    case $argument in
    --help | -h)
        help
        exit 0
        ;;
    --quick) parts="$parts checks debug" ;;
    checks | debug | release | asan | tsan) parts="$parts $argument" ;;
    *)
        echo "test.sh: there is no part '$argument'" >&2
        help >&2
        exit 2
        ;;
    esac
done
: "${parts:=checks debug release asan tsan}"

scripts/install-dependencies build test

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
: >"$work/counts"
began=$(date +%s)

# counted NAME COMMAND...: runs it, shows its output, and keeps the count in its last line. A command that
# fails without counting a failure is one failed test.
counted() {
    name=$1
    shift
    echo "== $name"
    status=0
    "$@" >"$work/output" 2>&1 </dev/null || status=$?
    cat "$work/output"
    tail -n 1 "$work/output" | LC_ALL=C awk -v name="$name" -v status="$status" '
        /^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$/ { p = $1; f = $3; s = $5 }
        END { if (status != 0 && f == 0) f = 1; print p + 0, f + 0, s + 0, name }' >>"$work/counts"
    echo "== $name ended $(($(date +%s) - began)) s after the start"
}

# built PRESET: a build is no test, but one that fails is a failed test, and its tests do not run.
built() {
    echo "== build $1"
    if scripts/build "$1" 2>&1; then return 0; fi
    echo "0 1 0 build-$1" >>"$work/counts"
    return 1
}

fewer_rounds=WAGGLE_ROUNDS_DIVISOR=10 # test_rounds_long() of tests/support/test.h
for part in $parts; do
    case $part in
    checks)
        for check in format layers banned links; do
            counted "check-$check" "scripts/check-$check"
        done
        ;;
    debug) ! built debug || counted debug scripts/run-tests build/debug -LE shell ;;
    release) ! built release || counted release scripts/run-tests build/release ;;
    asan) ! built asan || counted asan env $fewer_rounds scripts/run-tests build/asan -LE shell ;;
    tsan) ! built tsan || counted tsan env $fewer_rounds scripts/run-tests build/tsan -L threads ;;
    esac
done

awk '
    { p += $1; f += $2; s += $3; if ($2 > 0) names = names " " $4 }
    END {
        if (names != "") print "failed:" names
        printf "%d passed, %d failed, %d skipped\n", p, f, s
        exit f > 0 || p == 0
    }' "$work/counts"
