#!/bin/sh
# Imports, end to end: formats, bad input, and what becomes of an import that was interrupted.
# Usage: sh tests/cli_import_test.sh PATH/TO/waggle
# shellcheck source=tests/support/cli.sh
. "$(dirname "$0")/support/cli.sh"

# ---- Formats -------------------------------------------------------------------------------------

{ npy '|u1' False 4 3; bytes 0 0 0 10 0 0 0 10 0 255 255 255; } >u8.npy
{ npy '<f4' False 2 2; bytes 0 0 128 63 0 0 0 0 0 0 0 0 0 0 128 63; } >f4.npy
numbered 4 >u8.jsonl
run 0 "import npy" import small u8.npy --payload u8.jsonl
says "import npy" '"rows":4,"skipped":0'
run 0 "what was imported" info small
says "what was imported" '"dim":3,"type":"u8","metric":"l2"'
run 0 "payloads belong to their rows" get small 2
says "payloads belong to their rows" '"row":2'
run 0 "import again" import small u8.npy
equal "ids go on behind the highest" "$(count_of waggle.db small)" 8
run 0 "the next id" get small 7
run 0 "import with another type" import half u8.npy --type f16 --metric cosine
run 0 "what was made of it" info half
says "what was made of it" '"type":"f16","metric":"cosine"'
run 2 "a type that is not the collection's" import half u8.npy --type f32
run 2 "a metric that is not the collection's" import half u8.npy --metric dot
run 0 "import f4" import pairs f4.npy
run 1 "import of another dimension" import pairs u8.npy
run 3 "import of a missing file" import pairs none.npy
warns "import of a missing file" "none.npy"
run 2 "import of an unknown format" import pairs u8.xyz
run 2 "the standard input without a format" import pairs -
run 2 "an id field where no ids are" import pairs f4.npy --id-field n
printf 'id,vector,color\na,"[1,2]",red\nb,"[3,4]",blue\n' >table.csv
run 0 "import csv" import colors table.csv
run 0 "ids of csv" get colors b
says "ids of csv" 'blue'
cat >points.jsonl <<'END'
{"id": 1, "vector": [1, 0, 0], "payload": {"title": "one", "year": 1999}}
{"id": 2, "vector": [0, 1, 0]}
{"id": "tt3", "vector": [0, 0, 1]}
{"id": "550e8400-e29b-41d4-a716-446655440000", "vector": [1, 1, 1]}
END
"$waggle" import stdin - --format jsonl <points.jsonl >out 2>err
equal "import from the standard input" $? 0
equal "what came from there" "$(count_of waggle.db stdin)" 4
if command -v gzip >/dev/null 2>&1; then
    gzip -k u8.npy
    run 0 "import gz" import packed u8.npy.gz
    equal "what was packed" "$(count_of waggle.db packed)" 4
fi

# ---- Bad input -----------------------------------------------------------------------------------

# Bad files: each is an error that names the file and the place, and none leaves rows behind it.
{ npy '<f4' False 3 2; bytes 0 0 128 63 0 0 0 0 0 0 192 127 0 0 0 0 0 0 0 0 0 0 0 0; } >nan.npy
run 1 "NaN in npy" import nan nan.npy
warns "NaN in npy" "nan.npy"
warns "NaN in npy" "row 1"
{ npy '<f4' False 1 2; bytes 0 0 128 127 0 0 0 0; } >inf.npy
run 1 "infinity in npy" import inf inf.npy
{ npy '<f4' False 3 2; bytes 0 0 128 63; } >short.npy
run 1 "truncated npy" import short short.npy
warns "truncated npy" "short.npy"
{ npy '<f4' True 2 2; bytes 0 0 128 63 0 0 0 0 0 0 0 0 0 0 128 63; } >fortran.npy
run 1 "Fortran order" import fortran fortran.npy
warns "Fortran order" "ortran"
printf '{"id":1,"vector":[1,2]}\n{"id":2,"vector":[1,2,3]}\n' >lengths.jsonl
run 1 "lines of different length" import lengths lengths.jsonl
warns "lines of different length" "row 1"
printf '{"id":1,"vector":[1,2]}\n{"id":2,"vector":[1,2],"a":"\377"}\n' >utf8.jsonl
run 1 "invalid UTF-8" import utf8 utf8.jsonl
warns "invalid UTF-8" "row 1"
printf '{"id":1,"vector":[1,2]}\n{"id":2,"vector":[1,\n' >json.jsonl
run 1 "broken JSON" import json json.jsonl
printf 'not an npy' >not.npy
run 1 "no npy at all" import not not.npy
printf '{"n": 0}\n' >few.jsonl
run 1 "fewer payloads than rows" import few u8.npy --payload few.jsonl

# What comes before a bad row is kept; --skip-errors goes on behind it; a corrected file starts again.
run 0 "skip errors" import nan nan.npy --skip-errors
says "skip errors" '"skipped":1'
warns "skip errors" "skipped: "
equal "rows that were good" "$(count_of waggle.db nan)" 2
run 0 "ids keep their rows" get nan 0 2
run 1 "lines of different length, again" import lengths lengths.jsonl
printf '{"id":1,"vector":[1,2]}\n{"id":2,"vector":[1,3]}\n' >lengths.jsonl
run 1 "a changed file" import lengths lengths.jsonl
warns "a changed file" "--restart"
run 0 "restart" import lengths lengths.jsonl --restart
equal "all of the corrected file" "$(count_of waggle.db lengths)" 2

# ---- Lines without end ---------------------------------------------------------------------------

# A line of 64 MiB is the most. A longer one is refused when it has become too long, not at its end: these have
# none.
endless() { tr '\000' a </dev/zero 2>/dev/null; }
too_long="row 0 (line 1): the line is longer than 64 MiB, which is the most"
run 0 "create for lines" create lines --dim 2
endless | "$waggle" upsert lines >out 2>err
equal "upsert of an endless line" $? 1
warns "upsert of an endless line" "standard input: $too_long"
endless | "$waggle" import lines - --format jsonl >out 2>err
equal "import of an endless line" $? 1
warns "import of an endless line" "standard input: $too_long"
endless | "$waggle" import lines - --format csv >out 2>err
equal "an endless line of csv" $? 1
warns "an endless line of csv" "$too_long"
mkfifo endless.jsonl
endless >endless.jsonl &
run 1 "queries of an endless line" search lines --queries endless.jsonl
warns "queries of an endless line" "endless.jsonl: $too_long"
wait $!
equal "nothing came of them" "$(count_of waggle.db lines)" 0

# A GiB in one line of a file, between two that are good. The file is sparse.
printf '{"id":1,"vector":[1,2]}\n{"id":2,"vector":[1,2],"text":"' >gib.jsonl
head -c 1 /dev/zero | dd of=gib.jsonl bs=1 seek=1073741824 conv=notrunc 2>/dev/null
printf '"}\n{"id":3,"vector":[1,2]}\n' >>gib.jsonl
run 1 "a line of a GiB" import gib gib.jsonl
warns "a line of a GiB" "gib.jsonl: row 1 (line 2): the line is longer than 64 MiB, which is the most"
warns "a line of a GiB" "1 rows before it are stored durably."
run 0 "passing over it" import gib gib.jsonl --skip-errors
says "passing over it" '"rows":1,"skipped":1'
equal "the others are there" "$(count_of waggle.db gib)" 2
run 0 "the one behind it" get gib 3
rm gib.jsonl

# Passing over it takes no memory for it: looked at before the import ends. The limit is far below the GiB and
# above what the program, its threads and a line of 64 MiB need.
mkfifo long.jsonl
"$waggle" import long - --format jsonl --skip-errors <long.jsonl >out 2>err &
import=$!
exec 3>long.jsonl
head -c 1073741824 /dev/zero | tr '\000' x >&3
peak=$(awk '$1 == "VmHWM:" { print $2 }' /proc/$import/status 2>/dev/null)
printf '\n{"id":3,"vector":[1,2]}\n' >&3
exec 3>&-
wait $import
equal "a line of a GiB in a pipe" $? 0
says "a line of a GiB in a pipe" '"rows":1,"skipped":1'
if grep -q __asan_init "$waggle" || [ -z "$peak" ]; then
    skip "memory for a line of a GiB: a sanitizer's program, or no /proc"
elif [ "$peak" -lt 262144 ]; then
    pass
else
    fail "a line of a GiB took $peak KiB of memory"
fi

# ---- Conversion ----------------------------------------------------------------------------------

run 0 "create u8" create bytes --dim 2 --type u8
printf '{"id":1,"vector":[1.5,300]}\n' >wide.jsonl
run 1 "values that do not fit" import bytes wide.jsonl
run 0 "clamp" import bytes wide.jsonl --convert clamp
run 0 "clamped values" get bytes 1 --with-vectors
says "clamped values" '"vector":[2,255]'
run 1 "a query that does not fit" search bytes --vector '[0.5, 1]'
run 0 "a query that is rounded" search bytes --vector '[0.5, 1]' --convert round

# ---- Interrupted imports -------------------------------------------------------------------------

rows=20000
{ npy '|u1' False $rows 256; head -c $((rows * 256)) /dev/urandom; } >big.npy
numbered $rows >big.jsonl

# interrupt SIGNAL: begins the import and ends it once rows are durable, but not all.
interrupt() {
    "$waggle" --db big.db import big big.npy --payload big.jsonl --commit-rows 500 >out 2>err &
    import=$!
    tries=0
    while [ $tries -lt 500 ] && ! grep -q '"rows":[1-9]' big.db/import/*.json 2>/dev/null; do
        sleep 0.01
        tries=$((tries + 1))
    done
    kill "-$1" $import 2>/dev/null
    wait $import 2>/dev/null
    ended=$?
}

check_big() {
    equal "$1: no row is missing or twice" "$(count_of big.db big)" $rows
    run 0 "$1: the last row" --db big.db get big $((rows - 1))
    says "$1: the last row" "\"row\":$((rows - 1))"
    run 3 "$1: no row behind it" --db big.db get big $rows
    run 0 "$1: verify" --db big.db verify
    equal "$1: nothing is left to go on with" "$(ls big.db/import 2>/dev/null)" ""
}

interrupt KILL
if [ $ended -eq 0 ]; then
    skip "the import ended before it could be killed"
else
    durable=$(count_of big.db big)
    if [ "${durable:-0}" -gt 0 ] && [ "$durable" -lt $rows ]; then pass; else
        fail "killed: $durable rows"; fi
    run 0 "going on after kill -9" --db big.db import big big.npy --payload big.jsonl
    warns "going on after kill -9" "going on at row"
    check_big "killed"
fi
run 0 "drop for the next" --db big.db drop big --yes
interrupt TERM
if [ $ended -eq 0 ]; then
    skip "the import ended before it could be interrupted"
else
    equal "interrupted: exit code" $ended 1
    warns "interrupted" "The same command goes on there."
    run 0 "going on after an interruption" --db big.db import big big.npy --payload big.jsonl
    check_big "interrupted"
fi
interrupt KILL
if [ $ended -ne 0 ]; then
    run 0 "drop forgets its imports" --db big.db drop big --yes
    run 0 "import into a new collection" --db big.db import big big.npy --payload big.jsonl
    check_big "dropped in between"
else
    skip "the import ended before it could be killed again"
fi

# ---- Interrupted, and renamed --------------------------------------------------------------------

# Rows without ids are numbered, so going on in the wrong place would show.
awk 'BEGIN { for (i = 0; i < 100; i++) print i == 40 ? "broken" : "{\"vector\":[" i ",1]}" }' >rows.jsonl
states() { find renamed.db/import -name '*.json' 2>/dev/null | wc -l; }
in_renamed() {
    code=$1
    name=$2
    shift 2
    run "$code" "$name" --db renamed.db "$@"
}

in_renamed 1 "an import that stops at a bad row" import old rows.jsonl
warns "an import that stops at a bad row" "rows.jsonl: row 40 (line 41)"
warns "an import that stops at a bad row" "40 rows before it are stored durably."
in_renamed 0 "rename of what it went into" rename old new
equal "rename: the state moves" "$(states)" 1
in_renamed 1 "a new collection of the old name" import old rows.jsonl
if grep -q "going on" err; then fail "it goes on where the other one was"; else pass; fi
equal "a new collection begins anew" "$(count_of renamed.db old)" 40
in_renamed 1 "rename to a name that is taken" rename new old
equal "rename to a name that is taken: states" "$(states)" 2
in_renamed 1 "rename to its own name" rename new new
equal "rename to its own name: states" "$(states)" 2
in_renamed 1 "rename to a bad name" rename new "$(printf '%0300d' 1)"
equal "rename to a bad name: states" "$(states)" 2
in_renamed 0 "going on under the new name" import new rows.jsonl --skip-errors
warns "going on under the new name" "going on at row 40 of rows.jsonl"
says "going on under the new name" '"rows":59,"skipped":1'
equal "no row is missing or twice" "$(count_of renamed.db new)" 99
in_renamed 0 "the last row has its number" get new 99
equal "what is complete needs no state" "$(states)" 1
in_renamed 0 "drop of the other" drop old --yes
equal "drop forgets its state" "$(states)" 0

# A state whose collection was dropped or renamed by another program counts for nothing.
in_renamed 1 "an import to be forgotten" import lost rows.jsonl
mkdir kept
cp renamed.db/import/*.json kept
in_renamed 0 "drop" drop lost --yes
mkdir renamed.db/import
cp kept/*.json renamed.db/import
in_renamed 0 "create of the same name" create lost --dim 2 --metric l2
equal "create forgets what was before it" "$(states)" 0

report
