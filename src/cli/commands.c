#include "cli/commands.h"

#define FORMATS "npy fvecs bvecs ivecs fbin u8bin i8bin jsonl csv tsv"
#define TYPES "f32 f16 bf16 u8 i8 b1"
#define METRICS "l2 cosine dot l1 linf hamming"
#define SCANS "auto f32 certified probable"

// These tables read like the manual that they are.
// clang-format off
static const cli_option everywhere[] = {
    {"db", 0, CLI_FOLDER, "DIR", NULL,
     "the database; default: WAGGLE_DB of the environment, else ./waggle.db"},
    {"output", 'o', CLI_CHOICE, "FORMAT", "table json jsonl csv",
     "table, json, jsonl or csv; default: table on a terminal, else jsonl"},
    {"device", 0, CLI_TEXT, "NAME", NULL,
     "where to search, as waggle devices names it; default: the best"},
    {"quiet", 'q', CLI_FLAG, NULL, NULL,
     "no progress and no remarks, only results and errors"},
    {"yes", 'y', CLI_FLAG, NULL, NULL,
     "answer every question with yes"},
    {"help", 'h', CLI_FLAG, NULL, NULL,
     "explain the command and do nothing"},
    {"version", 0, CLI_FLAG, NULL, NULL,
     "print the version and do nothing"},
    {0},
};

#define OPTION_USING \
    {"using", 0, CLI_TEXT, "NAME", NULL, \
     "which of the collection's named vectors; needed if there are several"}

#define OPTION_CONVERT \
    {"convert", 0, CLI_CHOICE, "HOW", "exact round clamp", \
     "when numbers have another type than the collection: exact (an error if one does not " \
     "fit; the default), round, or clamp"}

static const cli_option create_options[] = {
    {"dim", 0, CLI_TEXT, "N", NULL,
     "components of a vector, 1 to 65536"},
    {"metric", 0, CLI_CHOICE, "METRIC", METRICS,
     "default: cosine for float types, l2 for u8 and i8, hamming for b1"},
    {"type", 0, CLI_CHOICE, "TYPE", TYPES,
     "element type; default: f32"},
    {"scan", 0, CLI_CHOICE, "SCAN", SCANS,
     "how searches read float vectors under l2, cosine and dot: auto (the default; the faster of "
     "the next two), f32 (as they are, and no codes are made), certified (by compressed codes; the "
     "same answers, bit for bit) or probable (1-bit codes)"},
    {"vector", 0, CLI_TEXT, "SPEC", NULL,
     "instead: a named vector, as NAME:DIM[:TYPE[:METRIC[:SCAN]]]; may be repeated"},
    {0},
};

static const cli_option import_options[] = {
    {"payload", 0, CLI_FILE, "FILE", NULL,
     "payloads, a JSON object a line: line i belongs to row i"},
    {"id-field", 0, CLI_TEXT, "FIELD", NULL,
     "the field of the rows, or of the payloads, that is the id; default: id in jsonl and "
     "csv, else the row's number"},
    {"metric", 0, CLI_CHOICE, "METRIC", METRICS,
     "of a new collection; default: l2, and hamming for b1"},
    {"type", 0, CLI_CHOICE, "TYPE", TYPES,
     "of a new collection; default: the file's (f8 becomes f32)"},
    {"scan", 0, CLI_CHOICE, "SCAN", SCANS,
     "of a new collection, as of create; default: auto"},
    {"format", 0, CLI_CHOICE, "FORMAT", FORMATS,
     "of the file; default: what its name ends with"},
    {"skip-errors", 0, CLI_FLAG, NULL, NULL,
     "leave bad rows out, list the first 100 and count all"},
    OPTION_CONVERT,
    {"using", 0, CLI_TEXT, "NAME", NULL,
     "the name of the vector that unnamed rows become"},
    {"commit-rows", 0, CLI_TEXT, "N", NULL,
     "make rows durable every N at least; default: whenever a segment is full, and every 30 "
     "seconds"},
    {"restart", 0, CLI_FLAG, NULL, NULL,
     "begin an interrupted import at its first row again, under the same ids"},
    {0},
};

static const cli_option upsert_options[] = {
    {"id-field", 0, CLI_TEXT, "FIELD", NULL,
     "the field that is the id; default: id"},
    {"format", 0, CLI_CHOICE, "FORMAT", FORMATS,
     "of the file; default: what its name ends with, jsonl for the standard input"},
    OPTION_CONVERT,
    {"using", 0, CLI_TEXT, "NAME", NULL,
     "the name of the vector that unnamed rows become"},
    {0},
};

static const cli_option search_options[] = {
    {"id", 0, CLI_TEXT, "ID", NULL,
     "search with the vector of this point, and leave the point itself out"},
    {"vector", 0, CLI_TEXT, "JSON", NULL,
     "search with this vector: '[0.1, 0.2]'"},
    {"text", 0, CLI_TEXT, "WORD", NULL,
     "search with a word, in the collection that waggle demo makes"},
    {"queries", 0, CLI_FILE, "FILE", NULL,
     "search with every row of a file (npy, fvecs, jsonl, ...)"},
    {"k", 'k', CLI_TEXT, "K", NULL,
     "how many neighbors; default: 10"},
    OPTION_USING,
    {"scan", 0, CLI_CHOICE, "SCAN", SCANS,
     "how rows are read, as of create; default: the collection's. Rows without codes are read as "
     "they are"},
    {"stages", 0, CLI_FLAG, NULL, NULL,
     "instead of the points: what was read to find them, a row per stage of the scan"},
    {"with-payload", 0, CLI_FLAG, NULL, NULL,
     "show payloads; the default, but for --queries"},
    {"no-payload", 0, CLI_FLAG, NULL, NULL,
     "show no payloads"},
    OPTION_CONVERT,
    {0},
};

static const cli_option get_options[] = {
    {"with-vectors", 0, CLI_FLAG, NULL, NULL,
     "show vectors"},
    {"no-payload", 0, CLI_FLAG, NULL, NULL,
     "show no payloads"},
    {0},
};

static const cli_option export_options[] = {
    {"format", 0, CLI_CHOICE, "FORMAT", "jsonl npy+jsonl",
     "jsonl (the default), or npy+jsonl"},
    {"out", 0, CLI_FILE, "PATH", NULL,
     "the file (\"-\" is the standard output); of npy+jsonl, what the names of the files "
     "begin with"},
    {0},
};

static const cli_option snapshot_create_options[] = {
    {"name", 0, CLI_TEXT, "NAME", NULL,
     "its name; default: made from the time"},
    {0},
};

static const cli_option snapshot_restore_options[] = {
    {"collection", 0, CLI_COLLECTION, "C", NULL,
     "which of the snapshot's collections; default: its only one"},
    {"as", 0, CLI_TEXT, "NAME", NULL,
     "under this name; default: its own"},
    {"to", 0, CLI_FOLDER, "DIR", NULL,
     "restore all collections into a new database"},
    {0},
};

static const cli_option bench_options[] = {
    {"queries", 0, CLI_FILE, "FILE", NULL,
     "the queries"},
    {"truth", 0, CLI_FILE, "FILE", NULL,
     "ids of the true neighbors, a row per query (npy, ivecs); without it recall is not "
     "known"},
    {"k", 'k', CLI_TEXT, "K", NULL,
     "how many neighbors; default: 10"},
    {"batch", 0, CLI_TEXT, "LIST", NULL,
     "queries per search, in turn; default: 1,100,1000"},
    {"scan", 0, CLI_CHOICE, "SCAN", SCANS,
     "how rows are read, as of create; default: the collection's"},
    {"threads", 0, CLI_TEXT, "N", NULL,
     "threads that search; default: one per core"},
    {"format", 0, CLI_CHOICE, "FORMAT", "table json",
     "table or json; the same as -o"},
    {"plot", 0, CLI_FILE, "FILE", NULL,
     "also draw the batches below the limits of memory and arithmetic (a roofline), as SVG"},
    OPTION_USING,
    OPTION_CONVERT,
    {0},
};

static const cli_option demo_options[] = {
    {"words", 0, CLI_FILE, "FILE", NULL,
     "another list of words, one a line; default: /usr/share/dict/words"},
    {0},
};

static const cli_option man_options[] = {
    {"markdown", 0, CLI_FLAG, NULL, NULL,
     "as Markdown instead: docs/cli.md"},
    {0},
};

static const cli_command commands[] = {
    {"demo", "", 0, 0,
     "Find what you meant by a misspelled word",
     "Imports the words of the system's dictionary into the collection words, each\n"
     "as a vector of 256 numbers made of its letters and groups of letters, and\n"
     "searches for words that are spelled wrong. Fails if what was meant is not\n"
     "found. The database stays.\n",
     "waggle demo\n"
     "waggle search words --text beleive\n",
     demo_options, cli_demo},
    {"import", "COLLECTION FILE", 2, 2,
     "Read a file of vectors into a collection",
     "The collection is created if it is missing, with the dimension and element\n"
     "type of the file. Formats: npy, fvecs, bvecs, ivecs, fbin, u8bin, i8bin,\n"
     "jsonl, csv, tsv; plain, .gz or .zst. \"-\" is the standard input and needs\n"
     "--format.\n"
     "\n"
     "Rows without ids are numbered: from 0 in an empty collection, else behind its\n"
     "highest number. Interrupted by Ctrl-C, a crash or a bad row, the same command\n"
     "goes on behind the rows that are durable, and makes no duplicates.\n"
     "\n"
     "Ends when the compressed codes of the rows are made, too (--scan); Ctrl-C ends\n"
     "the wait for them, and nothing is lost by it.\n",
     "waggle import films films.npy --payload films.jsonl --metric cosine\n"
     "waggle import films more.jsonl.zst --skip-errors\n",
     import_options, cli_import},
    {"search", "COLLECTION", 1, 1,
     "Find the nearest points",
     "Searches exactly, with one of: a point's vector, a vector, a word, or every\n"
     "row of a file. Best first; equal scores by id. l2 scores are squared\n"
     "distances. All scans but probable give the same answer; a table is followed by\n"
     "the one that ran.\n",
     "waggle search films --id 42 -k 5\n"
     "waggle search films --vector '[0.1, 0.7, 0.2]'\n"
     "waggle search films --queries queries.npy -k 100 -o csv\n",
     search_options, cli_search},
    {"create", "COLLECTION", 1, 1,
     "Create a collection",
     "l2, cosine, dot, l1 and linf go with f32, f16, bf16, u8 and i8; hamming goes\n"
     "with b1.\n",
     "waggle create films --dim 768 --metric cosine\n"
     "waggle create films --dim 768 --metric cosine --scan certified\n"
     "waggle create films --vector text:768 --vector image:512:f16:l2\n",
     create_options, cli_create},
    {"list", "", 0, 0,
     "List the collections",
     "One row per collection, by name. One that cannot be opened is listed too, with\n"
     "zeros; the field damage, null for all others, says why. That is no error: the\n"
     "exit code is 0. In a table the column is there if one is damaged.\n",
     "waggle list\n",
     NULL, cli_list},
    {"info", "[COLLECTION]", 0, 1,
     "Describe a collection, or the database",
     "Without a collection: what the whole database holds, in memory and on disk, and\n"
     "how many of its collections cannot be opened (damaged); of these it counts what\n"
     "the database knows without their files. Of a collection, segments_uncoded are\n"
     "those whose compressed codes (see create --scan) are still to be made.\n",
     "waggle info films\n"
     "waggle info -o json\n",
     NULL, cli_info},
    {"upsert", "COLLECTION [FILE]", 1, 2,
     "Insert or replace points",
     "Reads points from a file or the standard input, as lines of JSON: {\"id\": 7,\n"
     "\"vector\": [0.1, 0.2], \"payload\": {\"year\": 1999}}. Each batch of 1000 is\n"
     "written as a whole and durable when the command ends. For many points, import\n"
     "is faster.\n",
     "waggle upsert films < points.jsonl\n",
     upsert_options, cli_upsert},
    {"get", "COLLECTION ID...", 2, UINT32_MAX,
     "Read points by id",
     "Digits are a number, the form of a UUID is a UUID, anything else is a string.\n"
     "Exit code 3 if one of them is missing.\n",
     "waggle get films 42 43\n"
     "waggle get films tt0111161 --with-vectors\n",
     get_options, cli_get},
    {"delete", "COLLECTION ID...", 2, UINT32_MAX,
     "Delete points by id",
     "Ids that do not exist are no error; the output says how many did.\n",
     "waggle delete films 42 43\n",
     NULL, cli_delete},
    {"count", "COLLECTION", 1, 1,
     "Count the points of a collection",
     "Only points that are there; deleted ones do not count.\n",
     "waggle count films\n",
     NULL, cli_count},
    {"export", "COLLECTION", 1, 1,
     "Write all points into files that import reads",
     "jsonl has id, vector, payload and version of every point. npy+jsonl makes\n"
     "PATH.npy with the vectors and PATH.jsonl with the payloads, in which \"_id\" is\n"
     "the id; the options to read them back are --payload PATH.jsonl --id-field _id.\n"
     "Nothing is overwritten.\n",
     "waggle export films --out films.jsonl\n"
     "waggle export films --format npy+jsonl --out films\n",
     export_options, cli_export},
    {"rename", "COLLECTION NAME", 2, 2,
     "Rename a collection",
     "The new name must be free. Interrupted imports go on under it.\n",
     "waggle rename films movies\n",
     NULL, cli_rename},
    {"drop", "COLLECTION", 1, 1,
     "Remove a collection and its files",
     "Asks first, unless --yes is given. Snapshots of it stay.\n",
     "waggle drop films --yes\n",
     NULL, cli_drop},
    {"snapshot create", "[COLLECTION]", 0, 1,
     "Keep the state of a collection, or of all",
     "Files are linked, not copied: it takes little time and space.\n",
     "waggle snapshot create\n"
     "waggle snapshot create films --name before-cleanup\n",
     snapshot_create_options, cli_snapshot_create},
    {"snapshot list", "", 0, 0,
     "List the snapshots",
     "They lie in the folder snapshots of the database.\n",
     "waggle snapshot list\n",
     NULL, cli_snapshot_list},
    {"snapshot restore", "SNAPSHOT", 1, 1,
     "Bring back a collection, or a whole database",
     "Everything is verified before it becomes visible. Nothing is overwritten: the\n"
     "name of the collection, or the folder, must be free.\n",
     "waggle snapshot restore before-cleanup --as films2\n"
     "waggle snapshot restore monday --to restored.db\n",
     snapshot_restore_options, cli_snapshot_restore},
    {"snapshot delete", "SNAPSHOT", 1, 1,
     "Delete a snapshot",
     "Asks first, unless --yes is given.\n",
     "waggle snapshot delete before-cleanup --yes\n",
     NULL, cli_snapshot_delete},
    {"verify", "", 0, 0,
     "Check every stored byte",
     "Compares the whole database with its checksums, and its structures with each\n"
     "other. Findings go to the standard error, and the exit code is 1 if there are\n"
     "any.\n",
     "waggle verify\n",
     NULL, cli_verify},
    {"compact", "[COLLECTION]", 0, 1,
     "Free the space of deleted points",
     "Merges the files of a collection, or of all, until nothing dead is left in\n"
     "them, and makes the compressed codes that are missing. Of all, a damaged one is\n"
     "reported when the others are done, and the exit code is 1.\n",
     "waggle compact films\n",
     NULL, cli_compact},
    {"devices", "", 0, 0,
     "List the devices that can search",
     "And, for every other backend, why it is not used.\n",
     "waggle devices\n",
     NULL, cli_devices},
    {"doctor", "", 0, 0,
     "Examine this machine",
     "Processor, memory and its bandwidth, the disk's sync latency, limits, and\n"
     "advice. Writes and removes a small file in the database's folder.\n",
     "waggle doctor\n",
     NULL, cli_doctor},
    {"bench", "COLLECTION", 1, 1,
     "Measure speed and recall",
     "Searches with the rows of a file in batches, and reports queries per second,\n"
     "latency of a batch, recall@k, and how near the scan comes to the bandwidth of\n"
     "memory, which is probed in the same run.\n",
     "waggle bench films --queries queries.npy --truth truth.npy\n"
     "waggle bench films --queries queries.npy --batch 1 --threads 1 --format json\n"
     "waggle bench films --queries queries.npy --plot films.svg\n",
     bench_options, cli_bench},
    {"help", "[COMMAND]", 0, 2,
     "Explain a command",
     "Without one: the list of commands.\n",
     "waggle help search\n"
     "waggle help snapshot create\n",
     NULL, cli_help},
    {"man", "", 0, 0,
     "Print the manual page",
     "In the language of mdoc, for man.\n",
     "waggle man > waggle.1 && man ./waggle.1\n",
     man_options, cli_man},
    {"completions", "SHELL", 1, 1,
     "Print completions for bash, zsh or fish",
     "The first lines of the output say where it goes.\n",
     "waggle completions bash > ~/.local/share/bash-completion/completions/waggle\n",
     NULL, cli_completions},
    {0},
};
// clang-format on

const cli_program cli_waggle = {
    .name = "waggle",
    .summary = "vector search on any GPU, or none",
    .text = "Every command works on a database: a folder, which import, create and demo\n"
            "make if it is missing. Results go to the standard output, everything else to\n"
            "the standard error.\n"
            "\n"
            "Exit codes: 0 success, 1 error, 2 wrong usage, 3 not found, 4 unavailable, as\n"
            "when another process holds the database.\n"
            "\n"
            "Environment: WAGGLE_DB (the database), WAGGLE_DEVICE (where to search),\n"
            "WAGGLE_SIMD (force a SIMD level), NO_COLOR (no bold headings).\n",
    .commands = commands,
    .options = everywhere,
};
