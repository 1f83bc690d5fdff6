#include "cli/options.h"
#include "support/test.h"

static const cli_option test_global[] = {
    {"db",        0, CLI_FOLDER, "DIR", NULL, "the database"},
    {"quiet", 'q', CLI_FLAG, NULL, NULL, "say less"},
    {"yes",       'y', CLI_FLAG, NULL, NULL, "answer yes"},
    {"help",           'h', CLI_FLAG, NULL, NULL, "help"},
    {0       },
};

static const cli_option test_search[] = {
    {"k",       'k', CLI_TEXT, "K", NULL, "neighbors"},
    {"metric", 0, CLI_CHOICE, "METRIC", "l2 cosine", "metric"},
    {"vector",     0, CLI_TEXT, "SPEC", NULL, "vector"},
    {0        },
};

static const cli_command test_commands[] = {
    {"search",      "C", 1, 1, "Search", "Text.\n", "x search\n", test_search, NULL},
    {"get",            "C ID...", 2, UINT32_MAX, "Get", "Text.\n", "x get\n", NULL, NULL},
    {"list",     "", 0, 0, "List", "Text.\n", "x list\n", NULL, NULL},
    {"snapshot create", "[C]", 0, 1, "Snap", "Text.\n", "x snapshot\n", NULL, NULL},
    {"snapshot list",         "", 0, 0, "Snaps", "Text.\n", "x snapshot\n", NULL, NULL},
    {0        },
};

static const cli_program test_program = {"x", "a test", "Text.\n", test_commands, test_global};

// Parses the words, of which the first is the program's name, as main() would get them.
#define PARSE(args, error, ...) parse_words(args, error, (const char *[]){"x", __VA_ARGS__, NULL})

static char test_words[32][64];
static char *test_argv[33];

static waggle_status parse_words(cli_args *args, waggle_error *error, const char **words)
{
    int count = 0;

    for (; words[count] != NULL; count++) {
        snprintf(test_words[count], sizeof(test_words[count]), "%s", words[count]);
        test_argv[count] = test_words[count];
    }
    return cli_args_parse(&test_program, count, test_argv, args, error);
}

WG_TEST(options_come_before_behind_and_between_arguments)
{
    waggle_error error = {0};
    cli_args args;

    WG_OK(PARSE(&args, &error, "--db", "a.db", "search", "-k", "5", "films", "-qy", "--metric=l2"));
    WG_CHECK_TEXT(args.command->name, "search");
    WG_CHECK_U64(args.argument_count, 1);
    WG_CHECK_TEXT(args.arguments[0], "films");
    WG_CHECK_TEXT(cli_value(&args, "db"), "a.db");
    WG_CHECK_TEXT(cli_value(&args, "k"), "5");
    WG_CHECK_TEXT(cli_value(&args, "metric"), "l2");
    WG_CHECK(cli_has(&args, "quiet") && cli_has(&args, "yes"));
    WG_CHECK(cli_value(&args, "vector") == NULL);
}

WG_TEST(a_letter_takes_its_value_from_the_same_or_the_next_word)
{
    waggle_error error = {0};
    cli_args args;

    WG_OK(PARSE(&args, &error, "search", "films", "-k5"));
    WG_CHECK_TEXT(cli_value(&args, "k"), "5");
    WG_OK(PARSE(&args, &error, "search", "films", "-qk", "7"));
    WG_CHECK_TEXT(cli_value(&args, "k"), "7");
    WG_OK(PARSE(&args, &error, "search", "films", "-k", "-1"));
    WG_CHECK_TEXT(cli_value(&args, "k"), "-1");
    WG_FAILS_WITH(WAGGLE_INVALID, "-k needs a value: -k K",
                  PARSE(&args, &error, "search", "films", "-k"));
}

WG_TEST(behind_two_hyphens_everything_is_an_argument)
{
    waggle_error error = {0};
    cli_args args;

    WG_OK(PARSE(&args, &error, "get", "films", "-q", "--", "-5", "--x"));
    WG_CHECK_U64(args.argument_count, 3);
    WG_CHECK_TEXT(args.arguments[1], "-5");
    WG_CHECK_TEXT(args.arguments[2], "--x");
    WG_OK(PARSE(&args, &error, "get", "films", "-"));
    WG_CHECK_TEXT(args.arguments[1], "-");
}

WG_TEST(an_option_may_be_repeated)
{
    waggle_error error = {0};
    cli_args args;

    WG_OK(PARSE(&args, &error, "search", "c", "--vector", "a:1", "--vector=b:2"));
    WG_CHECK_TEXT(cli_value_at(&args, "vector", 0), "a:1");
    WG_CHECK_TEXT(cli_value_at(&args, "vector", 1), "b:2");
    WG_CHECK(cli_value_at(&args, "vector", 2) == NULL);
    WG_CHECK_TEXT(cli_value(&args, "vector"), "b:2");
}

WG_TEST(more_options_than_the_limit_are_refused)
{
    waggle_error error = {0};
    cli_args args;
    const char *words[CLI_VALUES_MAX + 4] = {"x", "list"};
    char *argv[CLI_VALUES_MAX + 4];
    char quiet[] = "-q", list[] = "list", name[] = "x";

    (void)words;
    argv[0] = name;
    argv[1] = list;
    for (uint32_t i = 0; i <= CLI_VALUES_MAX; i++) {
        argv[i + 2] = quiet;
    }
    WG_OK(cli_args_parse(&test_program, (int)CLI_VALUES_MAX + 2, argv, &args, &error));
    WG_FAILS_WITH(WAGGLE_INVALID, "more than 64 options",
                  cli_args_parse(&test_program, (int)CLI_VALUES_MAX + 3, argv, &args, &error));
}

WG_TEST(commands_of_two_words_are_found)
{
    waggle_error error = {0};
    cli_args args;

    WG_OK(PARSE(&args, &error, "snapshot", "create", "films"));
    WG_CHECK_TEXT(args.command->name, "snapshot create");
    WG_CHECK_TEXT(args.arguments[0], "films");
    WG_FAILS_WITH(WAGGLE_INVALID, "snapshot needs one of: create, list",
                  PARSE(&args, &error, "snapshot"));
    WG_FAILS_WITH(WAGGLE_INVALID, "snapshot has no command \"crate\"",
                  PARSE(&args, &error, "snapshot", "crate"));
}

WG_TEST(misspelled_words_get_a_suggestion)
{
    waggle_error error = {0};
    cli_args args;

    WG_FAILS_WITH(WAGGLE_INVALID, "did you mean \"search\"?", PARSE(&args, &error, "saerch"));
    WG_FAILS_WITH(WAGGLE_INVALID, "there is no command \"frobnicate\"",
                  PARSE(&args, &error, "frobnicate"));
    WG_CHECK(strstr(error.message, "did you mean") == NULL);
    WG_FAILS_WITH(WAGGLE_INVALID, "did you mean --metric?",
                  PARSE(&args, &error, "search", "c", "--metrc", "l2"));
    WG_FAILS_WITH(WAGGLE_INVALID, "search has no option --quite; did you mean --quiet?",
                  PARSE(&args, &error, "search", "c", "--quite"));
    WG_FAILS_WITH(WAGGLE_INVALID, "no option -z", PARSE(&args, &error, "search", "c", "-z"));
}

WG_TEST(wrong_numbers_of_arguments_are_refused)
{
    waggle_error error = {0};
    cli_args args;

    WG_FAILS_WITH(WAGGLE_INVALID, "search needs an argument: x search C",
                  PARSE(&args, &error, "search"));
    WG_FAILS_WITH(WAGGLE_INVALID, "\"more\" is one too many",
                  PARSE(&args, &error, "search", "c", "more"));
    WG_FAILS_WITH(WAGGLE_INVALID, "list takes no arguments", PARSE(&args, &error, "list", "c"));
    WG_OK(PARSE(&args, &error, "search", "--help"));
}

WG_TEST(values_that_are_no_choice_are_refused)
{
    waggle_error error = {0};
    cli_args args;

    WG_FAILS_WITH(WAGGLE_INVALID, "--metric is \"l3\"; it is one of: l2 cosine",
                  PARSE(&args, &error, "search", "c", "--metric", "l3"));
    WG_FAILS_WITH(WAGGLE_INVALID, "--metric is \"\"",
                  PARSE(&args, &error, "search", "c", "--metric="));
    WG_FAILS_WITH(WAGGLE_INVALID, "--metric is \"l2 cosine\"",
                  PARSE(&args, &error, "search", "c", "--metric", "l2 cosine"));
    WG_FAILS_WITH(WAGGLE_INVALID, "--quiet takes no value",
                  PARSE(&args, &error, "search", "c", "--quiet=1"));
    WG_FAILS_WITH(WAGGLE_INVALID, "--metric needs a value: --metric METRIC",
                  PARSE(&args, &error, "search", "c", "--metric"));
}

WG_TEST(no_words_are_no_command)
{
    waggle_error error = {0};
    cli_args args;
    char name[] = "x";
    char *argv[] = {name, NULL};

    WG_OK(cli_args_parse(&test_program, 1, argv, &args, &error));
    WG_CHECK(args.command == NULL);
}

WG_TEST(numbers_are_checked_with_value_and_limit)
{
    waggle_error error = {0};
    cli_args args;
    uint64_t k = 0;

    WG_OK(PARSE(&args, &error, "search", "c"));
    WG_OK(cli_value_number(&args, "k", 1, 100, 10, &k, &error));
    WG_CHECK_U64(k, 10);
    WG_OK(PARSE(&args, &error, "search", "c", "-k", "100"));
    WG_OK(cli_value_number(&args, "k", 1, 100, 10, &k, &error));
    WG_CHECK_U64(k, 100);

    static const char *const wrong[][2] = {
        {"0",                    "-k is 0; the least is 1"                    },
        {"-1",                   "-k is -1; the least is 1"                   },
        {"101",                  "-k is 101; the most is 100"                 },
        {"99999999999999999999", "-k is 99999999999999999999; the most is 100"},
        {"18446744073709551617", "-k is 18446744073709551617; the most is 100"},
        {"5x",                   "-k is \"5x\"; it must be a whole number"    },
        {"",                     "-k is \"\"; it must be a whole number"      },
        {"1.5",                  "-k is \"1.5\"; it must be a whole number"   },
        {"-",                    "-k is \"-\"; it must be a whole number"     },
    };
    for (size_t i = 0; i < WG_COUNT(wrong); i++) {
        WG_OK(PARSE(&args, &error, "search", "c", "-k", wrong[i][0]));
        WG_FAILS_WITH(WAGGLE_INVALID, wrong[i][1],
                      cli_value_number(&args, "k", 1, 100, 10, &k, &error));
    }
    WG_CHECK_U64(k, 100);
}

WG_TEST(the_largest_number_is_read)
{
    waggle_error error = {0};
    uint64_t number = 0;

    WG_OK(cli_number_parse("18446744073709551615", "n", 0, UINT64_MAX, &number, &error));
    WG_CHECK(number == UINT64_MAX);
    WG_FAILS(WAGGLE_INVALID,
             cli_number_parse("18446744073709551616", "n", 0, UINT64_MAX, &number, &error));
}

WG_TEST(distance_counts_slips)
{
    WG_CHECK_U64(cli_distance("search", "search"), 0);
    WG_CHECK_U64(cli_distance("saerch", "search"), 1); // swapped
    WG_CHECK_U64(cli_distance("serch", "search"), 1);
    WG_CHECK_U64(cli_distance("seearch", "search"), 1);
    WG_CHECK_U64(cli_distance("zearch", "search"), 1);
    WG_CHECK_U64(cli_distance("", "search"), 6);
    WG_CHECK_U64(cli_distance("kitten", "sitting"), 3);
}
