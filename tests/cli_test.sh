#!/bin/sh
# The program, end to end: every command, its output and exit code, bad input, and imports that are
# interrupted. Usage: sh tests/cli_test.sh PATH/TO/waggle
# The last line is "N passed, N failed, N skipped".
set -u
LC_ALL=C
export LC_ALL
unset WAGGLE_DB WAGGLE_DEVICE WAGGLE_SIMD NO_COLOR

[ $# -eq 1 ] || { echo "usage: sh $0 PATH/TO/waggle" >&2; exit 2; }
case $1 in
/*) waggle=$1 ;;
*) waggle=$PWD/$1 ;;
esac
here=$(cd "$(dirname "$0")" && pwd)
[ -x "$waggle" ] || { echo "$waggle is no program" >&2; exit 2; }

folder=$(mktemp -d) || exit 2
trap 'chmod -R u+w "$folder" 2>/dev/null; rm -rf "$folder"' EXIT
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

count_of() { "$waggle" --db "$1" count "$2" -o csv 2>/dev/null | tr -d '\r' | tail -n 1; }

# ---- Help --------------------------------------------------------------------------------------

run 0 version --version
says version "waggle "
run 0 help help
says help "snapshot create"
run 0 "help of a command" help search
says "help of a command" "--queries"
run 0 "--help" search --help
says "--help" "Usage: waggle search"
run 0 "help of a group" help snapshot
says "help of a group" "waggle snapshot restore"
run 0 man man
says man ".Sh NAME"
for shell in bash zsh fish; do
    run 0 "completions $shell" completions $shell
    says "completions $shell" "commit-rows"
    if command -v $shell >/dev/null 2>&1; then
        if $shell -n out 2>err; then pass; else fail "completions $shell: syntax"; fi
    else
        skip "completions $shell: there is no $shell to parse them"
    fi
done
# complete WORD...: what bash offers for the last word.
complete_bash() {
    "$waggle" completions bash >complete.bash
    # shellcheck disable=SC2016
    bash -c '. ./complete.bash; COMP_WORDS=(waggle "$@"); COMP_CWORD=$#; _waggle; echo ${COMPREPLY[@]}' \
        bash "$@"
}
if command -v bash >/dev/null 2>&1; then
    equal "bash completes a command" "$(complete_bash se)" search
    equal "bash completes a second word" "$(complete_bash snapshot re)" restore
    equal "bash completes an option" "$(complete_bash import c f.npy --skip)" --skip-errors
    equal "bash completes a choice" "$(complete_bash create c --metric co)" cosine
    equal "bash completes a common option" "$(complete_bash snapshot list --qu)" --quiet
else
    skip "what bash completes: there is no bash"
fi
run 0 "man --markdown" man --markdown
if cmp -s out "$here/../docs/cli.md"; then
    pass
else
    fail "docs/cli.md is out of date: waggle man --markdown > docs/cli.md"
fi
if command -v mandoc >/dev/null 2>&1; then
    "$waggle" man >waggle.1
    if mandoc -T lint -W error waggle.1 >out 2>err; then pass; else fail "man page: mandoc"; fi
else
    skip "man page: there is no mandoc to check it"
fi

# ---- Usage -------------------------------------------------------------------------------------

run 2 "no command"
warns "no command" "waggle help"
run 2 "unknown command" serach
warns "unknown command" 'did you mean "search"?'
run 2 "unknown option" list --quite
warns "unknown option" "did you mean --quiet?"
run 2 "unknown output" list -o xml
warns "unknown output" "table json jsonl csv"
run 2 "missing argument" search
run 2 "completions of an unknown shell" completions tcsh
warns "completions of an unknown shell" "bash, zsh, fish"

# ---- Collections -------------------------------------------------------------------------------

run 3 "list without a database" list
warns "list without a database" "waggle.db"
run 0 create create films --dim 3 --metric l2
run 1 "create again" create films --dim 3
warns "create again" "films"
run 2 "create without a dimension" create x
run 2 "dimension 0" create x --dim 0
warns "dimension 0" "--dim is 0; the least is 1"
run 2 "dimension 65537" create x --dim 65537
warns "dimension 65537" "the most is 65536"
run 2 "unknown metric" create x --dim 3 --metric euclid
warns "unknown metric" "l2 cosine dot l1 linf hamming"
run 2 "unknown type" create x --dim 3 --type f64
run 1 "metric that does not go with the type" create x --dim 8 --metric hamming --type f32
run 0 "create with named vectors" create both --vector text:2 --vector image:4:u8:l1
run 2 "a bad named vector" create x --vector text
run 0 list list -o csv
says list "films,0,"
says list "both,0,"
if command -v script >/dev/null 2>&1; then
    script -qec "'$waggle' list" /dev/null </dev/null >out 2>err
    says "a terminal gets a table" "name   points"
else
    skip "output on a terminal: there is no script to make one"
fi
run 0 info info both -o json
says info '"name":"image","dim":4,"type":"u8","metric":"l1"'
run 0 "info of the database" info
says "info of the database" '"collections":2'
says "info of the database" '"durability":"sync"'
run 3 "info of a missing collection" info flims
warns "info of a missing collection" "Did you mean films?"
run 0 rename rename both two
run 3 "rename what is not there" rename both three
run 1 "rename to a name that is taken" rename two films
run 2 "drop without a terminal" drop two
warns "drop without a terminal" "--yes"
run 0 drop drop two --yes
run 3 "drop again" drop two --yes

# ---- Points ------------------------------------------------------------------------------------

cat >points.jsonl <<'END'
{"id": 1, "vector": [1, 0, 0], "payload": {"title": "one", "year": 1999}}
{"id": 2, "vector": [0, 1, 0], "payload": {"title": "two"}}
{"id": "tt3", "vector": [0, 0, 1], "payload": {"title": "three"}}
{"id": "550e8400-e29b-41d4-a716-446655440000", "vector": [1, 1, 1]}
END
"$waggle" upsert films <points.jsonl >out 2>err
equal "upsert: exit code" $? 0
says upsert '"upserted":4'
equal "count after upsert" "$(count_of waggle.db films)" 4
run 0 "upsert from a file" upsert films points.jsonl
equal "count after the same again" "$(count_of waggle.db films)" 4
run 0 get get films 1 tt3 550e8400-e29b-41d4-a716-446655440000 --with-vectors
says get '"id":1,'
says get '"year": 1999'
says get '"id":"tt3"'
says get '"vector":[0,0,1]'
says get '"id":"550e8400-e29b-41d4-a716-446655440000"'
run 3 "get what is not there" get films 1 99
says "get what is not there" '"id":1,'
warns "get what is not there" "1 of 2 points not found: 99"
run 0 "search by vector" search films --vector '[0.9, 0.1, 0]' -k 2
says "search by vector" '"query":0,"rank":1,"id":1,"score":0.0'
equal "search by vector: hits" "$(wc -l <out)" 2
run 0 "search by id" search films --id 1 -k 10 -o csv
says "search by id" "0,1,"
equal "search by id leaves the point out" "$(wc -l <out)" 4
run 0 "search as table" search films --id 1 -k 1 -o table
says "search as table" "score"
run 0 "search as json" search films --vector '[1,0,0]' -k 1 -o json --no-payload
says "search as json" '"rank":1,"id":1,"score":0}'
run 0 "k above the number of points" search films --vector '[1,0,0]' -k 1000
equal "k above the number of points: hits" "$(wc -l <out)" 4
run 2 "k is 0" search films --id 1 -k 0
warns "k is 0" "-k is 0; the least is 1"
run 2 "k is negative" search films --id 1 -k -1
warns "k is negative" "-k is -1; the least is 1"
run 2 "k is no number" search films --id 1 -k ten
run 2 "nothing to search with" search films
run 2 "two things to search with" search films --id 1 --vector '[1,2,3]'
run 1 "vector of another dimension" search films --vector '[1,2]'
warns "vector of another dimension" "3"
run 1 "vector that is no JSON" search films --vector '[1,2'
run 1 "vector with NaN" search films --vector '[1,NaN,3]'
run 3 "search by a missing id" search films --id 99
run 1 "text in a collection without letters" search films --text bee
run 3 "search in a missing collection" search songs --id 1
run 0 delete delete films 1 99
says delete '"deleted":1'
equal "count after delete" "$(count_of waggle.db films)" 3
printf '{"id": 9, "vector": [1, 2]}\n' >bad.jsonl
run 1 "upsert of another dimension" upsert films bad.jsonl
printf '{"vector": [1, 2, 3]}\n' >bad.jsonl
run 1 "upsert without ids" upsert films bad.jsonl
warns "upsert without ids" "no ids"
printf '{"id": -5, "vector": [1, 2, 3]}\n' >bad.jsonl
run 1 "upsert of a negative id" upsert films bad.jsonl
run 2 "get with a bad UUID" get films 550e8400-e29b-41d4-a716-44665544000g
warns "get with a bad UUID" "550e8400-e29b-41d4-a716-44665544000g"
run 2 "search with a bad UUID" search films --id urn:uuid:550e8400

# ---- Import ------------------------------------------------------------------------------------

{ npy '|u1' False 4 3; bytes 0 0 0 10 0 0 0 10 0 255 255 255; } >u8.npy
{ npy '<f4' False 2 2; bytes 0 0 128 63 0 0 0 0 0 0 0 0 0 0 128 63; } >f4.npy
printf '{"n":0}\n{"n":1}\n{"n":2}\n{"n":3}\n' >u8.jsonl
run 0 "import npy" import small u8.npy --payload u8.jsonl
says "import npy" '"rows":4,"skipped":0'
run 0 "what was imported" info small
says "what was imported" '"dim":3,"type":"u8","metric":"l2"'
run 0 "payloads belong to their rows" get small 2
says "payloads belong to their rows" '"n":2'
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
"$waggle" import stdin - --format jsonl <points.jsonl >out 2>err
equal "import from the standard input" $? 0
equal "what came from there" "$(count_of waggle.db stdin)" 4
if command -v gzip >/dev/null 2>&1; then
    gzip -k u8.npy
    run 0 "import gz" import packed u8.npy.gz
    equal "what was packed" "$(count_of waggle.db packed)" 4
fi

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
{
    printf '{"id":1,"vector":[1,2],"text":"'
    head -c 70000000 /dev/zero | tr '\000' x
    printf '"}\n'
} >long.jsonl
run 1 "a line that is too long" import long long.jsonl
warns "a line that is too long" "long.jsonl"
rm long.jsonl
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

# Conversion.
run 0 "create u8" create bytes --dim 2 --type u8
printf '{"id":1,"vector":[1.5,300]}\n' >wide.jsonl
run 1 "values that do not fit" import bytes wide.jsonl
run 0 "clamp" import bytes wide.jsonl --convert clamp
run 0 "clamped values" get bytes 1 --with-vectors
says "clamped values" '"vector":[2,255]'
run 1 "a query that does not fit" search bytes --vector '[0.5, 1]'
run 0 "a query that is rounded" search bytes --vector '[0.5, 1]' --convert round

# ---- Queries of a file, and bench --------------------------------------------------------------

{ npy '|u1' False 2 3; bytes 1 0 0 250 250 250; } >queries.npy
{ npy '<i4' False 2 2; bytes 0 0 0 0 2 0 0 0 3 0 0 0 1 0 0 0; } >truth.npy
run 0 "import for bench" import images u8.npy
run 0 "queries of a file" search images --queries queries.npy -k 1 -o csv
says "queries of a file" "0,1,0,1"
says "queries of a file" "1,1,3,75"
run 1 "queries of another dimension" search images --queries f4.npy
run 0 bench bench images --queries queries.npy --truth truth.npy -k 1 --batch 1,2 --threads 1 --format json
for key in device index exact batch threads k recall qps p50_us p95_us p99_us bytes_scanned gb_per_s \
    bandwidth_share; do
    says bench "\"$key\":"
done
says "bench: recall" '"recall":1,'
run 0 "bench without truth" bench images --queries queries.npy -k 1 --batch 1 -o table
says "bench without truth" "no truth"
run 1 "truth with too few neighbors" bench images --queries queries.npy --truth truth.npy -k 3
run 2 "bench without queries" bench images
run 2 "a batch of 0" bench images --queries queries.npy --batch 1,0

# Readers share the database.
"$waggle" bench images --queries queries.npy -k 1 --batch 1 >bench.out 2>&1 &
reader=$!
sleep 0.3
run 0 "two readers" count images
wait $reader
equal "the other reader" $? 0

# The same answer, bit for bit, at every SIMD level.
{ npy '|u1' False 64 37; head -c $((64 * 37)) /dev/urandom; } >random.npy
run 0 "import random rows" import random random.npy --type f32 --metric cosine
WAGGLE_SIMD=scalar "$waggle" search random --queries random.npy -k 7 >at.scalar 2>err
equal "search with scalar code" "$? $(wc -l <at.scalar)" "0 448"
case $(uname -m) in
x86_64) levels="avx2 avx512" ;;
*) levels=neon ;;
esac
for level in $levels; do
    if WAGGLE_SIMD=$level "$waggle" search random --queries random.npy -k 7 >at.level 2>err; then
        if cmp -s at.scalar at.level; then pass; else fail "scores at $level differ from scalar"; fi
    else
        skip "search with $level: $(head -n 1 err)"
    fi
done

# ---- Export ------------------------------------------------------------------------------------

run 0 "export jsonl" export films --out films.out.jsonl
equal "lines of it" "$(wc -l <films.out.jsonl)" 3
run 0 "import what was exported" import films2 films.out.jsonl
"$waggle" export films2 --out - 2>/dev/null | sed 's/"version":[0-9]*//' >again
sed 's/"version":[0-9]*//' films.out.jsonl >before
if cmp -s before again; then pass; else fail "export and import change nothing"; fi
run 1 "export overwrites nothing" export films --out films.out.jsonl
run 0 "export npy" export small --format npy+jsonl --out small.out
run 0 "import npy with ids" import small2 small.out.npy --payload small.out.jsonl --id-field _id
run 0 "export both" export small --out small.a
run 0 "export the copy" export small2 --out small.b
sed 's/"version":[0-9]*//' small.a >before
sed 's/"version":[0-9]*//' small.b >again
if cmp -s before again; then pass; else fail "export npy+jsonl and import change nothing"; fi
run 2 "export without a place" export films

# ---- Snapshots, verify, compact ----------------------------------------------------------------

run 0 "snapshot create" snapshot create films --name monday
says "snapshot create" '"name":"monday"'
run 0 "snapshot of all" snapshot create --name all
run 0 "snapshot list" snapshot list
says "snapshot list" '"collection":"films"'
run 1 "a snapshot's name is taken" snapshot create films --name monday
run 0 "delete behind the snapshot" delete films 2
run 0 "restore under another name" snapshot restore monday --as films-monday
equal "what was restored" "$(count_of waggle.db films-monday)" 3
run 1 "restore over what is there" snapshot restore monday
run 3 "restore what is not there" snapshot restore tuesday
run 0 "restore the database" snapshot restore all --to restored.db
equal "what the database had" "$(count_of restored.db films)" 3
run 0 "verify of the restored" --db restored.db verify
run 2 "snapshot delete without a terminal" snapshot delete monday
run 0 "snapshot delete" snapshot delete monday --yes
run 3 "snapshot delete again" snapshot delete monday --yes
run 0 compact compact films
run 0 "compact all" compact
equal "compaction keeps what lives" "$(count_of waggle.db films)" 2
run 0 verify verify
says verify '"findings":0'

# ---- The machine -------------------------------------------------------------------------------

run 0 devices devices -o csv
says devices "cpu,"
says devices "cuda,"
run 0 doctor doctor
says doctor "read bandwidth, all threads"
says doctor "sync latency p99"

# ---- Databases that cannot be used -------------------------------------------------------------

mkdir foreign
echo hello >foreign/letter.txt
run 1 "a folder that is not ours" --db foreign create x --dim 3
warns "a folder that is not ours" "foreign"
equal "it is left alone" "$(ls foreign)" letter.txt
WAGGLE_DB=restored.db "$waggle" count films >out 2>err
equal "WAGGLE_DB" $? 0
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
warns "a held database" "held.db"
run 4 "reading a held database" --db held.db list
printf '{"id":1,"vector":[1,2]}\n' >&3
exec 3>&-
wait $holder
equal "the holder ends well" $? 0
run 0 "the database is free again" --db held.db list

# ---- Interrupted imports -----------------------------------------------------------------------

rows=20000
{ npy '|u1' False $rows 256; head -c $((rows * 256)) /dev/urandom; } >big.npy
awk -v n=$rows 'BEGIN { for (i = 0; i < n; i++) printf "{\"row\": %d}\n", i }' >big.jsonl

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
    says "$1: the last row" "\"row\": $((rows - 1))"
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

# ---- Demo --------------------------------------------------------------------------------------

printf '%s\n' receive definitely accommodate separate occurred friend necessary embarrass tomorrow \
    rhythm honey money monkey banana >words.txt
run 0 demo --db demo.db demo --words words.txt
says demo "definitely"
run 0 "demo again" --db demo.db demo --words words.txt
warns "demo again" "already"
run 0 "search by text" --db demo.db search words --text hony -k 1
says "search by text" '"id":"honey"'
run 0 "search by a word of the demo" --db demo.db search words --id honey -k 1
says "search by a word of the demo" '"id":"money"'
run 3 "demo without words" --db demo2.db demo --words none.txt
if [ -f /usr/share/dict/words ]; then
    run 0 "demo of the dictionary" --db demo3.db demo
    says "demo of the dictionary" "definitely"
else
    skip "demo of the dictionary: /usr/share/dict/words is missing"
fi

echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
