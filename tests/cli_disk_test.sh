#!/bin/sh
# Databases and disks that refuse: each is an error that says what to do, and nothing is lost.
# Usage: sh tests/cli_disk_test.sh PATH/TO/waggle
# shellcheck source=tests/support/cli.sh
. "$(dirname "$0")/support/cli.sh"

# ---- Databases of others -------------------------------------------------------------------------

mkdir foreign
echo hello >foreign/letter.txt
run 1 "a folder that is not ours" --db foreign create x --dim 3
warns "a folder that is not ours" "foreign"
equal "it is left alone" "$(ls foreign)" letter.txt
mkfifo pipe
"$waggle" --db held.db import c - --format jsonl <pipe >held.out 2>held.err &
holder=$!
exec 3>pipe
tries=0
while [ ! -d held.db ] && [ $tries -lt 100 ]; do
    sleep 0.05
    tries=$((tries + 1))
done
sleep 0.3
run 4 "a held database" --db held.db create x --dim 3
warns "a held database" "held.db is held by another process (pid $holder)"
warns "a held database" "One process at a time may change a database."
run 4 "reading a held database" --db held.db list
printf '{"id":1,"vector":[1,2]}\n' >&3
exec 3>&-
wait $holder
equal "the holder ends well" $? 0
run 0 "the database is free again" --db held.db list

# ---- Newer formats -------------------------------------------------------------------------------

# A database with a point in a segment file and one in the log.
printf '{"id":1,"vector":[1,2]}\n' >point.jsonl
run 0 "import for newer formats" --db known.db import sealed point.jsonl
run 0 "create for newer formats" --db known.db create logged --dim 2 --metric l2
run 0 "upsert for newer formats" --db known.db upsert logged point.jsonl
run 0 "verify of the known format" --db known.db verify

# all_of DB: every file but LOCK, which says who opened it last.
all_of() { (cd "$1" && find . -type f ! -name LOCK -exec cksum {} + | sort -k 3); }

# refused NAME MESSAGE ARGUMENTS...: newer.db is refused, with both versions, and stays as it was.
refused() {
    name="$1: $3"
    message=$2
    shift 2
    run 1 "$name" --db newer.db "$@"
    warns "$name" "newer.db/"
    warns "$name" "$message"
    warns "$name" "A newer waggle reads it."
}

# make_newer FILE HEADER_SIZE OFFSET...: newer.db, in which FILE is of a newer format.
make_newer() {
    rm -rf newer.db
    cp -R known.db newer.db
    if "$change_version" "newer.db/$1" 7 "$2" "$3" ${4:+"$4"} 2>err; then pass; else fail "$1: no header"; fi
}

# check_newer FILE MESSAGE COMMAND...: nothing that needs FILE is done. COMMAND: what else needs it.
check_newer() {
    file=$1
    message=$2
    shift 2
    all_of newer.db >before
    for command in "info sealed" "search sealed --id 1" "get sealed 1" "count sealed" "export sealed --out -"; do
        # shellcheck disable=SC2086
        refused "newer $file" "$message" $command
    done
    run 1 "newer $file: verify" --db newer.db verify
    warns "newer $file: verify" "$message"
    all_of newer.db >after
    if cmp -s before after; then pass; else fail "newer $file: reading changed it"; fi
    all_of newer.db >before
    for command in "import sealed point.jsonl" "upsert sealed point.jsonl" "delete sealed 1" \
        "rename sealed other" "drop sealed --yes" "compact sealed" "snapshot create sealed" "$@"; do
        # shellcheck disable=SC2086
        refused "newer $file" "$message" $command
    done
    all_of newer.db >after
    if cmp -s before after; then pass; else fail "newer $file: writing changed it"; fi
}

# check_known FILE HEADER_SIZE OFFSET...: a program that reads it finds everything.
check_known() {
    "$change_version" "newer.db/$1" 1 "$2" "$3" ${4:+"$4"} || fail "newer $1: its header is damaged"
    run 0 "newer $1, read by a newer program" --db newer.db verify
    equal "newer $1: sealed points" "$(count_of newer.db sealed)" 1
    equal "newer $1: logged points" "$(count_of newer.db logged)" 1
}

change_version=$(dirname "$waggle")/format_version
segment=$(cd known.db && ls seg/*.wseg)
make_newer MANIFEST 64 0
check_newer MANIFEST "MANIFEST: format 7 is newer than 1" info list compact "create another --dim 2" \
    "upsert logged point.jsonl"
check_known MANIFEST 64 0

log=log/00000001.wlog
make_newer $log 64 0 2048
check_newer $log "$log: log format 7 is newer than 1" info list compact "create another --dim 2" \
    "upsert logged point.jsonl"
check_known $log 64 0 2048

# Other collections go on.
make_newer "$segment" 4096 0
check_newer "$segment" "$segment: the format of the segment is 7; this library reads up to 1"
run 0 "newer $segment: another collection" --db newer.db upsert logged point.jsonl
run 0 "newer $segment: list" --db newer.db list
says "newer $segment: list" '"damage":"newer.db/'"$segment: the format of the segment is 7"
refused "newer $segment" "$segment: the format of the segment is 7" compact
warns "newer $segment: compact" "compacted logged"
check_known "$segment" 4096 0

# ---- Damaged collections -------------------------------------------------------------------------

# spoil FILE: its first byte is another.
spoil() { printf x | dd of="$1" bs=1 conv=notrunc 2>/dev/null; }

cp -R known.db damaged.db
run 0 "create behind the damage" --db damaged.db create zebras --dim 2 --metric l2
run 0 "upsert behind the damage" --db damaged.db upsert zebras point.jsonl
run 0 "list before the damage" --db damaged.db list -o table
if grep -q damage out; then fail "a table without damage has the column"; else pass; fi
run 0 "info before the damage" --db damaged.db info
says "info before the damage" '"collections":3,"damaged":0,"points":3,'
spoil "damaged.db/$segment"
run 0 "list with damage" --db damaged.db list
says "list with damage" '{"name":"logged","points":1,'
says "list with damage" '"device":"cpu","damage":null}'
says "list with damage" '{"name":"sealed","points":0,"vectors":[{"name":"","dim":2,"type":"f32","metric":"l2","scan":"auto"}],'
says "list with damage" '"damage":"damaged.db/'"$segment: does not begin as a segment file"
warns "list with damage" "1 of 3 collections cannot be opened"
run 0 "list with damage, quietly" --db damaged.db list --quiet -o csv
equal "list with damage, quietly" "$(cat err)" ""
says "list with damage as csv" "name,points,vectors,segments,bytes_disk,index,device,damage"
run 0 "list with damage as a table" --db damaged.db list -o table
says "list with damage as a table" "$segment: does not begin as a segment file"
run 0 "info with damage" --db damaged.db info
says "info with damage" '"collections":3,"damaged":1,'
run 1 "info of what is damaged" --db damaged.db info sealed
run 3 "names beside the damage" --db damaged.db count zebra
warns "names beside the damage" "Did you mean zebras?"
run 1 "compact with damage" --db damaged.db compact
warns "compact with damage" "compacted logged"
warns "compact with damage" "compacted zebras"
warns "compact with damage" "waggle: collection \"sealed\": damaged.db/$segment: does not begin"
warns "compact with damage" "waggle verify lists what is damaged."
run 0 "list after compact" --db damaged.db list --quiet
equal "all others are compacted" "$(grep -c '"points":1,.*"segments":1,' out)" 2
for file in damaged.db/seg/*.wseg; do spoil "$file"; done
run 1 "compact with more damage" --db damaged.db compact
warns "compact with more damage" 'waggle: collection "logged": '
warns "compact with more damage" '  collection "sealed": '
run 1 "verify with damage" --db damaged.db verify
run 0 "rename of what is damaged" --db damaged.db rename sealed broken
warns "rename of what is damaged" "sealed cannot be opened: "
run 1 "damage under another name" --db damaged.db info broken
run 0 "drop of what is damaged" --db damaged.db drop broken --yes
warns "drop of what is damaged" "dropped broken with all that is left of it"
run 0 "list without what was damaged" --db damaged.db list
equal "what was damaged is gone" "$(grep -c broken out)" 0

# ---- Disks ---------------------------------------------------------------------------------------

# disk_make NAME MIB: an ext4 of its own in the folder disk-NAME. Fails where there can be none.
disk_make() {
    [ "$(id -u)" -eq 0 ] || { reason="mounting needs root"; return 1; }
    command -v mkfs.ext4 >/dev/null 2>&1 || { reason="mkfs.ext4 is not installed"; return 1; }
    truncate -s "$2M" "image-$1" && mkfs.ext4 -q -F -m 0 "image-$1" && mkdir "disk-$1" || return 1
    mount -o loop "image-$1" "disk-$1" 2>err || { reason="no loop mount: $(head -n 1 err)"; return 1; }
}

# ---- A disk that is read-only --------------------------------------------------------------------

# reads NAME ARGUMENTS...: works as ever.
reads() { run 0 "read-only disk: $1" --db disk-fixed/a.db "$@"; }
# writes COMMAND...: is refused, and says by what.
writes() {
    run 1 "read-only disk: $1 $2" --db disk-fixed/a.db "$@"
    warns "read-only disk: $1 $2" "disk-fixed/a.db/LOCK: Read-only file system"
    warns "read-only disk: $1 $2" "What only reads goes on: search, get, count"
}

check_read_only() {
    cp -R known.db disk-fixed/a.db
    run 0 "snapshot for a read-only disk" --db disk-fixed/a.db snapshot create sealed --name kept
    (cd disk-fixed && find . -type f -exec cksum {} + | sort -k 3) >before
    mount -o remount,ro disk-fixed
    reads list
    says list '"name":"logged","points":1,'
    reads info
    says info '"points":2,'
    reads info sealed
    reads count sealed
    reads get sealed 1 --with-vectors
    says get '"vector":[1,2]'
    reads search logged --vector '[1,2]'
    says search '"id":1,"score":0'
    reads export sealed --out -
    reads verify
    says verify '"findings":0'
    reads snapshot list
    reads snapshot restore kept --to restored.db
    equal "read-only disk: restored elsewhere" "$(count_of restored.db sealed)" 1
    writes upsert sealed point.jsonl
    writes import sealed point.jsonl
    writes import fresh point.jsonl
    writes delete sealed 1
    writes create fresh --dim 2
    writes rename sealed other
    writes drop sealed --yes
    writes compact sealed
    writes snapshot create
    writes snapshot restore kept --as fresh
    writes snapshot delete kept --yes
    run 1 "a new database on a read-only disk" --db disk-fixed/b.db create c --dim 2
    warns "a new database on a read-only disk" "disk-fixed/b.db: Read-only file system"
    run 1 "export onto a read-only disk" --db disk-fixed/a.db export sealed --out disk-fixed/x.jsonl
    warns "export onto a read-only disk" "disk-fixed/x.jsonl: Read-only file system"
    (cd disk-fixed && find . -type f -exec cksum {} + | sort -k 3) >after
    if cmp -s before after; then pass; else fail "read-only disk: something changed"; fi
    mount -o remount,rw disk-fixed
    run 0 "a disk that is read-only no more" --db disk-fixed/a.db delete sealed 1
}

if disk_make fixed 16; then
    check_read_only
else
    skip "a read-only disk: $reason"
fi

# ---- A disk that is full -------------------------------------------------------------------------

on_full() {
    code=$1
    name=$2
    shift 2
    run "$code" "full disk: $name" --db disk-full/a.db "$@"
}

# full NAME FILE: the last run says which file did not fit, and what can be done.
full() {
    warns "full disk: $1" "$2"
    warns "full disk: $1" "No space left on device"
    warns "full disk: $1" "MiB are free on the disk of disk-full/a.db."
    warns "full disk: $1" "Searching and deleting go on."
}

check_full() {
    rows=40000
    { npy '|u1' False $rows 256; head -c $((rows * 256)) /dev/urandom; } >rows.npy
    { npy '|u1' False 5 256; head -c $((5 * 256)) /dev/urandom; } >queries.npy
    numbered $rows >rows.jsonl
    head -c 27262976 /dev/zero >disk-full/ballast
    on_full 1 "import" import many rows.npy --payload rows.jsonl --commit-rows 4096
    full "import" "disk-full/a.db/seg/"
    warns "full disk: import" "The same command goes on there."
    stored=$(sed -n 's/^ *\([0-9]*\) rows before it are stored durably\.$/\1/p' err)
    if [ "${stored:-0}" -gt 0 ] && [ "$stored" -lt $rows ]; then pass; else fail "full disk: $stored rows"; fi
    equal "full disk: what the import said is there" "$(count_of disk-full/a.db many)" "$stored"

    # To the last byte.
    dd if=/dev/zero of=disk-full/rest bs=1024 2>/dev/null
    on_full 1 "going on without room" import many rows.npy --payload rows.jsonl --commit-rows 4096
    full "going on without room" "disk-full/a.db/"
    warns "full disk: going on without room" "$stored rows before it are stored durably."
    "$waggle" --db disk-full/a.db import piped - --format jsonl <point.jsonl >out 2>err
    equal "full disk: import from the standard input" $? 1
    full "import from the standard input" "disk-full/a.db/"
    warns "full disk: import from the standard input" "0 rows before it are stored durably."
    warns "full disk: import from the standard input" "cannot be gone on with"
    on_full 0 "verify" verify
    on_full 0 "list" list
    on_full 0 "info" info many
    on_full 0 "get" get many 7
    says "full disk: get" '"row":7'
    on_full 0 "search by id" search many --id 7 -k 3
    equal "full disk: hits" "$(wc -l <out)" 3
    on_full 0 "search with queries" search many --queries queries.npy -k 1
    on_full 0 "delete" delete many 0 1 2
    says "full disk: delete" '"deleted":3'
    on_full 3 "what was deleted" get many 1
    on_full 0 "delete again" delete many 3
    equal "full disk: deleted points are gone" "$(count_of disk-full/a.db many)" $((stored - 4))
    on_full 1 "snapshot" snapshot create
    full "snapshot" "disk-full/a.db/"
    on_full 1 "compact" compact many
    full "compact" "disk-full/a.db/seg/"
    run 1 "export onto a full disk" --db disk-full/a.db export many --out disk-full/x.jsonl
    warns "export onto a full disk" "disk-full/x.jsonl: No space left on device"
    equal "full disk: no export by half" "$(ls disk-full/x.jsonl* 2>/dev/null)" ""

    rm disk-full/ballast disk-full/rest
    on_full 0 "with room again" import many rows.npy --payload rows.jsonl --commit-rows 4096
    warns "full disk: with room again" "going on at row $stored of rows.npy"
    says "full disk: with room again" "\"rows\":$((rows - stored)),"
    equal "full disk: no row is missing or twice" "$(count_of disk-full/a.db many)" $((rows - 4))
    on_full 0 "the last row" get many $((rows - 1))
    says "full disk: the last row" "\"row\":$((rows - 1))"
    on_full 3 "no row behind it" get many $rows
    on_full 3 "what was deleted stays deleted" get many 3
    on_full 0 "compact with room" compact many
    on_full 0 "verify at the end" verify
    says "full disk: verify at the end" '"findings":0'
    equal "full disk: nothing to go on with" "$(ls disk-full/a.db/import 2>/dev/null)" ""
}

if disk_make full 40; then
    check_full
else
    skip "a full disk: $reason"
fi

# ---- A disk in memory that is full ---------------------------------------------------------------

# memory_make NAME MIB: a tmpfs in the folder disk-NAME. Fails where there can be none.
memory_make() {
    [ "$(id -u)" -eq 0 ] || { reason="mounting needs root"; return 1; }
    mkdir "disk-$1" || return 1
    mount -t tmpfs -o "size=$2m" tmpfs "disk-$1" 2>err || { reason="no tmpfs: $(head -n 1 err)"; return 1; }
}

# Whoever touches a hole of a mapped file there is killed: the hole gets its page only then. Sections above 4 MiB
# leave holes before them.
check_full_memory() {
    { npy '|u1' False 40000 256; head -c $((40000 * 256)) /dev/urandom; } >rows.npy
    run 0 "full tmpfs: import" --db disk-memory/a.db import many rows.npy
    segment=$(ls disk-memory/a.db/seg/*.wseg)
    if [ "$(($(stat -c %b "$segment") * 512))" -lt "$(stat -c %s "$segment")" ]; then
        pass
    else
        fail "full tmpfs: $segment has no hole"
    fi
    dd if=/dev/zero of=disk-memory/rest bs=1024 2>/dev/null
    run 0 "full tmpfs: verify" --db disk-memory/a.db verify
    says "full tmpfs: verify" '"findings":0'
    run 0 "full tmpfs: search" --db disk-memory/a.db search many --id 7 -k 3
    equal "full tmpfs: hits" "$(wc -l <out)" 3
}

if memory_make memory 64; then
    check_full_memory
else
    skip "a full tmpfs: $reason"
fi

report
