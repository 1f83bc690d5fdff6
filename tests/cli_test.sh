#!/bin/sh
# The program, end to end: every command, its output and exit code.
# Usage: sh tests/cli_test.sh PATH/TO/waggle
# shellcheck source=tests/support/cli.sh
. "$(dirname "$0")/support/cli.sh"

# ---- Help ----------------------------------------------------------------------------------------

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

# ---- Usage ---------------------------------------------------------------------------------------

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

# ---- Collections ---------------------------------------------------------------------------------

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

# ---- Points --------------------------------------------------------------------------------------

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

# ---- Queries of a file, and bench ----------------------------------------------------------------

{ npy '|u1' False 4 3; bytes 0 0 0 10 0 0 0 10 0 255 255 255; } >u8.npy
{ npy '<f4' False 2 2; bytes 0 0 128 63 0 0 0 0 0 0 0 0 0 0 128 63; } >f4.npy
numbered 4 >u8.jsonl
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
run 0 "bench with a plot" bench images --queries queries.npy -k 1 --batch 1,2 --threads 1 --plot plot.svg
equal "a point of the plot for every batch" "$(grep -c "<circle " plot.svg)" 2
equal "the plot is whole" "$(tail -n 1 plot.svg)" "</svg>"
run 1 "nothing is overwritten by a plot" bench images --queries queries.npy -k 1 --batch 1 --plot plot.svg
run 1 "no plot is left by a run that fails" bench images --queries f4.npy --plot other.svg
equal "no plot is left by a run that fails" "$(ls other.svg 2>/dev/null)" ""
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
x86_64) levels="avx2 avx512 avx512-vnni" ;;
*) levels=neon ;;
esac
for level in $levels; do
    if WAGGLE_SIMD=$level "$waggle" search random --queries random.npy -k 7 >at.level 2>err; then
        if cmp -s at.scalar at.level; then pass; else fail "scores at $level differ from scalar"; fi
    else
        skip "search with $level: $(head -n 1 err)"
    fi
done

# ---- Export --------------------------------------------------------------------------------------

run 0 "export jsonl" export films --out films.out.jsonl
equal "lines of it" "$(wc -l <films.out.jsonl)" 3
run 0 "import what was exported" import films2 films.out.jsonl
"$waggle" export films2 --out - 2>/dev/null | sed 's/"version":[0-9]*//' >again
sed 's/"version":[0-9]*//' films.out.jsonl >before
if cmp -s before again; then pass; else fail "export and import change nothing"; fi
run 1 "export overwrites nothing" export films --out films.out.jsonl
run 0 "import npy" import small u8.npy --payload u8.jsonl
run 0 "export npy" export small --format npy+jsonl --out small.out
run 0 "import npy with ids" import small2 small.out.npy --payload small.out.jsonl --id-field _id
run 0 "export both" export small --out small.a
run 0 "export the copy" export small2 --out small.b
sed 's/"version":[0-9]*//' small.a >before
sed 's/"version":[0-9]*//' small.b >again
if cmp -s before again; then pass; else fail "export npy+jsonl and import change nothing"; fi
run 2 "export without a place" export films

# ---- Snapshots, verify, compact ------------------------------------------------------------------

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
run 0 "import of points" --db replaced.db import films points.jsonl
run 0 "import of the same points" --db replaced.db import films points.jsonl
run 0 "info counts no replaced points" --db replaced.db info
says "info counts no replaced points" '"points":4,"rows_dead":4'
WAGGLE_DB=restored.db "$waggle" count films >out 2>err
equal "WAGGLE_DB" $? 0

# ---- The machine ---------------------------------------------------------------------------------

run 0 devices devices -o csv
says devices "cpu,"
says devices "cuda,"
run 0 doctor doctor
says doctor "read bandwidth, all threads"
says doctor "sync latency p99"

# ---- Demo ----------------------------------------------------------------------------------------

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

# ---- Scans ---------------------------------------------------------------------------------------

awk 'BEGIN { for (i = 0; i < 200; i++) printf "{\"id\":%d,\"vector\":[%d,%d,%d,1]}\n", i, i % 7, i % 11, i % 13 }' \
    >scans.jsonl
run 0 "import with a scan" --db scans.db import coded scans.jsonl --scan certified
run 0 "info of codes" --db scans.db info coded
says "info of codes" '"scan":"certified"'
says "info of codes" '"segments_coded":1,"segments_uncoded":0,"bytes_codes":'
equal "a file of codes" "$(find scans.db/seg -name '*-p0.codes' | wc -l | tr -d ' ')" 1
run 2 "import with another scan" --db scans.db import coded scans.jsonl --scan f32
warns "import with another scan" "--scan is f32; the collection coded has scan certified"
for scan in auto f32 certified probable; do
    run 0 "search by $scan" --db scans.db search coded --vector '[3,4,5,1]' --scan $scan -k 20
    mv out scan.$scan
    equal "the answer by $scan" "$(cat scan.$scan)" "$(cat scan.auto)"
done
run 0 "the scan that ran" --db scans.db search coded --id 7 --scan f32 -o table
warns "the scan that ran" "over 200 rows (f32"
run 0 "stages of a scan" --db scans.db search coded --id 7 --stages -o csv
says "stages of a scan" "scan,exact,stage,rows,bytes,ms,blocks_widened"
says "stages of a scan" "certified,true,4-bit,"
says "stages of a scan" "certified,true,f32,"
run 0 "stages of rows" --db scans.db search coded --id 7 --scan f32 --stages
says "stages of rows" '"scan":"f32","exact":true,"stage":"f32","rows":200,'
run 2 "unknown scan" --db scans.db search coded --id 7 --scan exact
run 1 "scan without codes" --db scans.db create bytes --dim 4 --type u8 --scan certified
warns "scan without codes" "scan certified needs codes"
run 0 "scan of a named vector" --db scans.db create named --vector text:4:f32:l2:probable
run 0 "info of a named scan" --db scans.db info named
says "info of a named scan" '"metric":"l2","scan":"probable"'
run 2 "scan beside named vectors" --db scans.db create x --vector text:4 --scan f32
rm scans.db/seg/*.codes
run 0 "search without codes" --db scans.db search coded --vector '[3,4,5,1]' -k 20
equal "the answer without codes" "$(cat out)" "$(cat scan.f32)"
run 0 "compact makes codes" --db scans.db compact coded
run 0 "info of new codes" --db scans.db info coded
says "info of new codes" '"segments_coded":1,"segments_uncoded":0'

report
