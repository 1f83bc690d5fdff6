#include "cli/roofline.h"
#include "support/test.h"

#include <math.h>
#include <stdlib.h>

static const cli_roofline plain = {
    .title = "images",
    .subtitle = "a processor",
    .unit = "FLOP",
    .bandwidth = 30e9,
    .peak = 180e9,
    .count = 3,
    .points = {{"batch 1", 0.5, 14e9}, {"batch 100", 50, 120e9}, {"batch 1000", 500, 150e9}},
};

// The text of a plot, ended by NUL.
static char *written(const cli_roofline *plot)
{
    waggle_error error = {0};
    wg_buffer svg;

    wg_buffer_init(&svg, NULL, WG_MEMORY_SCRATCH);
    WG_OK(cli_roofline_write(plot, &svg, &error));
    char *text = malloc(svg.size + 1);
    WG_CHECK(text != NULL);
    memcpy(text, svg.data, svg.size);
    text[svg.size] = '\0';
    wg_buffer_finish(&svg);
    return text;
}

static uint32_t count_of(const char *text, const char *word)
{
    uint32_t count = 0;

    for (; (text = strstr(text, word)) != NULL; text += strlen(word)) {
        count++;
    }
    return count;
}

// The number behind a word like cx=" of the n-th element.
static double number_behind(const char *text, const char *word, uint32_t n)
{
    for (uint32_t i = 0; i <= n; i++) {
        text = strstr(text, word);
        WG_CHECK(text != NULL);
        text += strlen(word);
    }
    return strtod(text, NULL);
}

// Enough of XML for what we write: one root, elements nest and end, attributes are quoted, & begins an entity.
static void check_xml(const char *at)
{
    char open[16][16];
    size_t depth = 0, roots = 0;

    WG_CHECK(strncmp(at, "<?xml ", 6) == 0);
    at = strstr(at, "?>") + 2;
    for (; *at != '\0'; at++) {
        if (*at == '&') {
            WG_CHECK(strncmp(at, "&lt;", 4) == 0 || strncmp(at, "&gt;", 4) == 0 ||
                     strncmp(at, "&amp;", 5) == 0 || strncmp(at, "&quot;", 6) == 0);
        }
        WG_CHECK(*at != '>' && ((unsigned char)*at >= ' ' || *at == '\n'));
        if (*at != '<') {
            WG_CHECK(depth > 0 || *at == '\n');
            continue;
        }
        bool ends = *++at == '/';
        at += ends;
        size_t size = strcspn(at, " />");
        WG_CHECK(size > 0 && size < sizeof(open[0]));
        if (ends) {
            WG_CHECK(depth > 0 && strlen(open[depth - 1]) == size);
            WG_CHECK(strncmp(open[--depth], at, size) == 0);
        } else {
            WG_CHECK(depth < WG_COUNT(open));
            roots += depth == 0;
            memcpy(open[depth], at, size);
            open[depth++][size] = '\0';
        }
        bool quoted = false;
        for (at += size; *at != '>' || quoted; at++) {
            WG_CHECK(*at != '\0' && *at != '<');
            if (*at == '"') quoted = !quoted;
            if (!quoted && *at == '/') depth--;
        }
    }
    WG_CHECK(depth == 0 && roots == 1);
}

WG_TEST(a_plot_is_well_formed_and_has_its_points_and_roofs)
{
    char *text = written(&plain);

    check_xml(text);
    WG_CHECK_U64(count_of(text, "<circle "), 3);
    WG_CHECK_U64(count_of(text, "class=\"roof\""), 2);
    for (uint32_t i = 0; i < plain.count; i++) {
        WG_CHECK_U64(count_of(text, plain.points[i].label), i == 0   ? 3
                                                            : i == 1 ? 2
                                                                     : 1); // a prefix
    }
    WG_CHECK(strstr(text, ">120 GFLOP/s, 67 %</text>") != NULL);
    WG_CHECK(strstr(text, ">14 GFLOP/s, 93 %</text>") != NULL); // of the memory's roof
    WG_CHECK(strstr(text, ">memory, 30 GB/s</text>") != NULL);
    WG_CHECK(strstr(text, ">arithmetic, 180 GFLOP/s</text>") != NULL);
    WG_CHECK(strstr(text, "href") == NULL && strstr(text, "@import") == NULL); // alone in the world
    free(text);
}

WG_TEST(axes_are_logarithmic)
{
    char *text = written(&plain);
    double x[3], y[3];

    for (uint32_t i = 0; i < 3; i++) {
        x[i] = number_behind(text, "cx=\"", i);
        y[i] = number_behind(text, "cy=\"", i);
    }
    // 0.5 to 50 are two decades, 50 to 500 one; 14 to 120 is log10(120 / 14), 120 to 150 log10(1.25).
    WG_CHECK(fabs((x[1] - x[0]) / (x[2] - x[1]) - 2) < 0.01);
    WG_CHECK(fabs((y[0] - y[1]) / (y[1] - y[2]) - log10(120.0 / 14) / log10(1.25)) < 0.1);
    WG_CHECK(x[0] > 84 && x[2] < 736 && y[0] < 420 && y[2] > 64);
    free(text);
}

WG_TEST(names_cannot_break_the_file)
{
    cli_roofline plot = plain;
    plot.title = "<b>&\"'\x01 \xC3\xA9";

    char *text = written(&plot);
    check_xml(text);
    WG_CHECK(strstr(text, "&lt;b&gt;&amp;&quot;'  \xC3\xA9</text>") != NULL);
    free(text);
}

WG_TEST(a_peak_that_was_not_probed_has_no_roof)
{
    cli_roofline plot = plain;
    plot.peak = 0;
    plot.count = 1;
    plot.subtitle = NULL;

    char *text = written(&plot);
    check_xml(text);
    WG_CHECK_U64(count_of(text, "class=\"roof\""), 1);
    WG_CHECK_U64(count_of(text, "<circle "), 1);
    free(text);
}

WG_TEST(numbers_that_have_no_place_are_refused)
{
    waggle_error error = {0};
    wg_buffer svg;
    const double bad[] = {0, -1, (double)NAN, (double)INFINITY};

    wg_buffer_init(&svg, NULL, WG_MEMORY_SCRATCH);
    for (size_t i = 0; i < WG_COUNT(bad); i++) {
        cli_roofline plot = plain;
        plot.bandwidth = bad[i];
        WG_FAILS_WITH(WAGGLE_INVALID, "bandwidth", cli_roofline_write(&plot, &svg, &error));
        plot = plain;
        plot.points[1].operations = bad[i];
        WG_FAILS_WITH(WAGGLE_INVALID, "batch 100", cli_roofline_write(&plot, &svg, &error));
        plot = plain;
        plot.points[2].intensity = bad[i];
        WG_FAILS_WITH(WAGGLE_INVALID, "batch 1000", cli_roofline_write(&plot, &svg, &error));
    }
    cli_roofline none = plain;
    none.count = 0;
    WG_FAILS(WAGGLE_INVALID, cli_roofline_write(&none, &svg, &error));
    WG_CHECK_U64(svg.size, 0);
    wg_buffer_finish(&svg);
}
