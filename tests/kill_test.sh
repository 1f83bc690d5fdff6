#!/bin/sh
# kill -9 at random moments: nothing acknowledged is lost, and nothing is there by half.
# usage: tests/kill_test.sh BUILD [CYCLES]      20 cycles, WAGGLE_TIER=nightly 1,000; WAGGLE_SEED repeats a run
set -eu
client=$1/crash_client
case ${WAGGLE_TIER:-commit} in nightly | release) cycles=${2:-1000} ;; *) cycles=${2:-20} ;; esac
seed=${WAGGLE_SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "seed $seed"

# Seconds until the kill: half of them soon after the start, when the log is replayed.
delays() {
    awk -v seed="$seed" -v n="$cycles" 'BEGIN {
        srand(seed)
        for (i = 0; i < n; i++) printf "%.3f\n", rand() < 0.5 ? 0.01 + rand() * 0.15 : 0.1 + rand() * 0.7
    }'
}

passed=0
failed=0
for delay in $(delays); do
    "$client" run "$work/db" "$work/acks" "$seed" 2>"$work/errors" &
    process=$!
    sleep "$delay"
    kill -9 "$process" 2>/dev/null || true
    status=0
    wait "$process" 2>/dev/null || status=$?
    # 137 is what the kill leaves; anything else is a client that ended by itself.
    if [ "$status" -eq 137 ] && "$client" check "$work/db" "$work/acks" "$seed" 1 >"$work/output" 2>&1; then
        passed=$((passed + 1))
        continue
    fi
    failed=$((failed + 1))
    echo "cycle $((passed + failed)), killed after $delay s, status $status:"
    cat "$work/errors" "$work/output" 2>/dev/null || true
    kept=${TMPDIR:-/tmp}/waggle-kill-$seed
    rm -rf "$kept" && cp -a "$work" "$kept" && echo "the database is kept in $kept"
    break
done

[ ! -e "$work/output" ] || cat "$work/output"
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
