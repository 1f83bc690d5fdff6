#!/bin/sh
# Power cuts of a real ext4 in a loop device: what was acknowledged before the cut is there after it.
# usage (root): tests/powercut.sh BUILD [CUTS]      5 cuts, WAGGLE_TIER=nightly 300; WAGGLE_SEED repeats a run
#
# The acknowledgements are kept outside the file system that is cut, and read just before the cut: those that
# arrive while the emulated power fails prove nothing, so the check allows any number of operations after them.
set -eu
client=$1/crash_client
cut=$1/ext4_shutdown
case ${WAGGLE_TIER:-commit} in nightly | release) cuts=${2:-300} ;; *) cuts=${2:-5} ;; esac
seed=${WAGGLE_SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
work=$(mktemp -d)
disk=$work/disk
process=

finish() {
    [ -z "$process" ] || { kill -9 "$process" && wait "$process"; } 2>/dev/null || true
    ! mountpoint -q "$disk" || umount "$disk" || umount -l "$disk"
    rm -rf "$work"
}
trap finish EXIT

skip() {
    echo "SKIPPED: $1"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
}

mkdir "$disk"
[ "$(id -u)" -eq 0 ] || skip "power cuts need root"
command -v mkfs.ext4 >/dev/null || skip "mkfs.ext4 is not installed"
truncate -s 2G "$work/image"
mkfs.ext4 -q -F "$work/image"
mount -o loop "$work/image" "$disk" 2>"$work/errors" || skip "no loop mount: $(cat "$work/errors")"
echo "seed $seed"

delays=$(awk -v seed="$seed" -v n="$cuts" 'BEGIN { srand(seed); while (n-- > 0) printf "%.3f\n", 0.05 + rand() * 0.8 }')
passed=0
failed=0
for delay in $delays; do
    "$client" run "$disk/db" "$work/acks" "$seed" 2>"$work/errors" &
    process=$!
    sleep "$delay"
    rm -rf "$work/before"
    mkdir "$work/before"
    for number in 0 1 2; do
        [ ! -e "$work/acks.$number" ] || cp "$work/acks.$number" "$work/before/"
    done
    "$cut" "$disk"
    kill -9 "$process" 2>/dev/null || true
    wait "$process" 2>/dev/null || true
    process=
    umount "$disk"
    mount -o loop "$work/image" "$disk"
    rm -f "$work/acks.0" "$work/acks.1" "$work/acks.2"
    cp "$work/before"/* "$work/" 2>/dev/null || true
    if "$client" check "$disk/db" "$work/acks" "$seed" 1000000 >"$work/output" 2>&1; then
        passed=$((passed + 1))
        continue
    fi
    failed=$((failed + 1))
    echo "cut $((passed + failed)), after $delay s:"
    cat "$work/output"
    kept=${TMPDIR:-/tmp}/waggle-powercut-$seed
    rm -rf "$kept" && cp -a "$disk/db" "$kept" && cp "$work"/acks* "$kept/" && echo "the database is kept in $kept"
    break
done

[ ! -e "$work/output" ] || cat "$work/output"
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
