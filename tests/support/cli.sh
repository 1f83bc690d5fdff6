# What the tests of the program share: a folder to work in, running the program, and counting checks. It is
# read by tests/cli*_test.sh, which are given the program: . "$(dirname "$0")/support/cli.sh"
# A test ends with report.
# shellcheck shell=sh
set -u
LC_ALL=C
export LC_ALL
unset WAGGLE_DB WAGGLE_DEVICE WAGGLE_SIMD NO_COLOR

[ $# -eq 1 ] || { echo "usage: sh $0 PATH/TO/waggle" >&2; exit 2; }
case $1 in
/*) waggle=$1 ;;
*) waggle=$PWD/$1 ;;
esac
# shellcheck disable=SC2034 # used by cli_test.sh
here=$(cd "$(dirname "$0")" && pwd)
[ -x "$waggle" ] || { echo "$waggle is no program" >&2; exit 2; }

folder=$(mktemp -d) || exit 2
clean() {
    for disk in "$folder"/disk-*; do
        [ -d "$disk" ] && mountpoint -q "$disk" && { umount "$disk" || umount -l "$disk"; }
    done
    chmod -R u+w "$folder" 2>/dev/null
    rm -rf "$folder"
}
trap clean EXIT
trap 'exit 130' INT TERM
cd "$folder" || exit 2

passed=0
failed=0
skipped=0

pass() { passed=$((passed + 1)); }

fail() {
    failed=$((failed + 1))
    echo "FAILED: $1"
    [ -f out ] && sed 's/^/  out: /' out | head -n 5
    [ -f err ] && sed 's/^/  err: /' err | head -n 5
}

skip() {
    skipped=$((skipped + 1))
    echo "SKIPPED: $1"
}

report() {
    echo "$passed passed, $failed failed, $skipped skipped"
    [ $failed -eq 0 ]
}

# run CODE NAME ARGUMENTS...: the program ends with this code. Its output is in the files out and err.
run() {
    code=$1
    name=$2
    shift 2
    "$waggle" "$@" >out 2>err </dev/null
    got=$?
    if [ $got -eq "$code" ]; then pass; else fail "$name: exit code $got, not $code: waggle $*"; fi
}

# The output, or the errors, of the last run hold this text.
says() { if grep -qF -e "$2" out; then pass; else fail "$1: the output lacks: $2"; fi; }
warns() { if grep -qF -e "$2" err; then pass; else fail "$1: the errors lack: $2"; fi; }

equal() { if [ "$2" = "$3" ]; then pass; else fail "$1: \"$2\", not \"$3\""; fi; }

count_of() { "$waggle" --db "$1" count "$2" -o csv 2>/dev/null | tr -d '\r' | tail -n 1; }

# npy TYPE FORTRAN ROWS DIM: the header of a NumPy file. The data follow.
npy() {
    printf '\223NUMPY\001\000v\000%-117s\n' \
        "{'descr': '$1', 'fortran_order': $2, 'shape': ($3, $4), }"
}

# bytes N...: these bytes.
bytes() {
    for byte in "$@"; do
        # shellcheck disable=SC2059
        printf "\\$(printf %03o "$byte")"
    done
}

# numbered ROWS: lines of JSON that say which row they are.
numbered() { awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++) printf "{\"row\":%d}\n", i }'; }
