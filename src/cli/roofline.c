#include "cli/roofline.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// Pixels. The plot lies between LEFT..RIGHT and TOP..BOTTOM.
#define WIDTH 760
#define HEIGHT 480
#define LEFT 84.0
#define RIGHT 736.0
#define TOP 64.0
#define BOTTOM 420.0
#define LABEL_WIDTH 130.0 // about that of the longest; nearer ones are moved apart
#define LABEL_LINE 16.0

typedef struct scale {
    double low; // decimal exponents at the ends
    double high;
    double from; // pixels of the ends
    double to;
} scale;

typedef struct canvas {
    const cli_roofline *plot;
    wg_buffer *svg;
    scale x;
    scale y;
    bool failed; // out of memory
} canvas;

// ---- Text --------------------------------------------------------------------------------------

static void put(canvas *c, const char *format, ...) WG_PRINTF(2, 3);

static void put(canvas *c, const char *format, ...)
{
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    int size = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    WG_ASSERT(size >= 0 && (size_t)size < sizeof(text));
    c->failed |= !wg_buffer_append(c->svg, text, (size_t)size);
}

// Text of others. Control characters are no XML, and become spaces.
static void put_escaped(canvas *c, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '<': put(c, "&lt;"); break;
        case '>': put(c, "&gt;"); break;
        case '&': put(c, "&amp;"); break;
        case '"': put(c, "&quot;"); break;
        default: put(c, "%c", (unsigned char)*text < ' ' ? ' ' : *text); break;
        }
    }
}

static void put_text(canvas *c, double x, double y, const char *attributes, const char *text)
{
    put(c, "<text x=\"%.1f\" y=\"%.1f\"%s>", x, y, attributes);
    put_escaped(c, text);
    put(c, "</text>\n");
}

static void put_line(canvas *c, double x1, double y1, double x2, double y2, const char *attributes)
{
    put(c, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" %s/>\n", x1, y1, x2, y2,
        attributes);
}

// 3.2e9 as "3.2 G".
static void number_text(char *text, size_t capacity, double value)
{
    static const char *const prefixes[] = {"", "k", "M", "G", "T", "P"};
    size_t i = 0;

    for (; value >= 1000 && i + 1 < WG_COUNT(prefixes); i++) {
        value /= 1000;
    }
    snprintf(text, capacity, "%.3g%s%s", value, *prefixes[i] != '\0' ? " " : "", prefixes[i]);
}

// ---- Scales ------------------------------------------------------------------------------------

static double at(const scale *s, double value)
{
    double share = (log10(value) - s->low) / (s->high - s->low);
    return s->from + share * (s->to - s->from);
}

static void scale_include(scale *s, double value)
{
    s->low = fmin(s->low, log10(value));
    s->high = fmax(s->high, log10(value));
}

// Whole decades, so that every line of the grid has a round number, with some room above and below.
static void scale_round(scale *s)
{
    s->low = floor(s->low - 0.1);
    s->high = ceil(s->high + 0.1);
}

static void scales_make(canvas *c)
{
    const cli_roofline *plot = c->plot;

    c->x = (scale){INFINITY, -INFINITY, LEFT, RIGHT};
    c->y = (scale){INFINITY, -INFINITY, BOTTOM, TOP};
    for (uint32_t i = 0; i < plot->count; i++) {
        scale_include(&c->x, plot->points[i].intensity);
        scale_include(&c->y, plot->points[i].operations);
    }
    if (plot->peak > 0) {
        scale_include(&c->x, plot->peak / plot->bandwidth); // the ridge
        scale_include(&c->y, plot->peak);
    }
    scale_round(&c->x);
    scale_round(&c->y);
}

// ---- Parts of the plot -------------------------------------------------------------------------

static void put_grid(canvas *c)
{
    const char *line = "stroke=\"#e3e6ea\"";
    char text[32];

    for (double decade = c->x.low; decade <= c->x.high; decade++) {
        double x = at(&c->x, pow(10, decade));
        put_line(c, x, TOP, x, BOTTOM, line);
        number_text(text, sizeof(text), pow(10, decade));
        put_text(c, x, BOTTOM + 18, " text-anchor=\"middle\" class=\"tick\"", text);
    }
    for (double decade = c->y.low; decade <= c->y.high; decade++) {
        double y = at(&c->y, pow(10, decade));
        put_line(c, LEFT, y, RIGHT, y, line);
        number_text(text, sizeof(text), pow(10, decade));
        put_text(c, LEFT - 8, y + 4, " text-anchor=\"end\" class=\"tick\"", text);
    }
}

static void put_axes(canvas *c)
{
    char text[64];
    double middle = (TOP + BOTTOM) / 2;

    put_line(c, LEFT, BOTTOM, RIGHT, BOTTOM, "stroke=\"#333\"");
    put_line(c, LEFT, TOP, LEFT, BOTTOM, "stroke=\"#333\"");
    snprintf(text, sizeof(text), "%s per byte read", c->plot->unit);
    put_text(c, (LEFT + RIGHT) / 2, BOTTOM + 42, " text-anchor=\"middle\"", text);
    snprintf(text, sizeof(text), " text-anchor=\"middle\" transform=\"rotate(-90 24 %.1f)\"",
             middle);
    char label[64];
    snprintf(label, sizeof(label), "%s per second", c->plot->unit);
    put_text(c, 24, middle, text, label);
}

// The memory's roof, from where it enters the plot to the ridge or to where it leaves it.
static void put_memory_roof(canvas *c)
{
    const cli_roofline *plot = c->plot;
    double left = fmax(pow(10, c->x.low), pow(10, c->y.low) / plot->bandwidth);
    double right = fmin(pow(10, c->x.high), pow(10, c->y.high) / plot->bandwidth);
    char rate[32], text[64];

    if (plot->peak > 0) right = fmin(right, plot->peak / plot->bandwidth);
    if (left >= right) return; // the whole plot is below it
    double x1 = at(&c->x, left), y1 = at(&c->y, left * plot->bandwidth);
    double x2 = at(&c->x, right), y2 = at(&c->y, right * plot->bandwidth);
    put_line(c, x1, y1, x2, y2, "class=\"roof\"");
    number_text(rate, sizeof(rate), plot->bandwidth);
    snprintf(text, sizeof(text), "memory, %sB/s", rate);
    put(c,
        "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\" class=\"note\" transform=\"rotate(%.1f %.1f %.1f)\">",
        (x1 + x2) / 2, (y1 + y2) / 2 - 8, atan2(y2 - y1, x2 - x1) * 57.29577951308232,
        (x1 + x2) / 2, (y1 + y2) / 2);
    put_escaped(c, text);
    put(c, "</text>\n");
}

static void put_compute_roof(canvas *c)
{
    const cli_roofline *plot = c->plot;
    char rate[32], text[64];

    if (plot->peak <= 0) return;
    double x = at(&c->x, plot->peak / plot->bandwidth);
    double y = at(&c->y, plot->peak);
    put_line(c, x, y, RIGHT, y, "class=\"roof\"");
    number_text(rate, sizeof(rate), plot->peak);
    snprintf(text, sizeof(text), "arithmetic, %s%s/s", rate, plot->unit);
    put_text(c, RIGHT - 4, y - 8, " text-anchor=\"end\" class=\"note\"", text);
}

// What the machine allows at this intensity.
static double roof_at(const cli_roofline *plot, double intensity)
{
    double memory = plot->bandwidth * intensity;
    return plot->peak > 0 ? fmin(memory, plot->peak) : memory;
}

// Two lines of text below a point. The memory's roof comes down to the left of points that are below it, so their labels are
// on the right; those below the other roof are centered.
static void put_label(canvas *c, double x, double y, bool right, const char *name, const char *rate)
{
    double at_x = right ? x + 10 : fmin(fmax(x, LEFT + LABEL_WIDTH / 2), RIGHT - LABEL_WIDTH / 2);
    const char *anchor = right ? "" : " text-anchor=\"middle\"";

    put_text(c, at_x, y, anchor, name);
    put_text(c, at_x, y + LABEL_LINE, anchor, rate);
}

static void put_points(canvas *c)
{
    const cli_roofline *plot = c->plot;
    double label_x = -INFINITY, label_y = -INFINITY; // of the point before

    for (uint32_t i = 0; i < plot->count; i++) {
        const cli_roofline_point *point = &plot->points[i];
        double x = at(&c->x, point->intensity);
        double y = at(&c->y, point->operations);
        double share = point->operations / roof_at(plot, point->intensity) * 100;
        bool right = plot->bandwidth * point->intensity <= roof_at(plot, point->intensity);
        char rate[32], text[128];
        number_text(rate, sizeof(rate), point->operations);
        snprintf(text, sizeof(text), "%s%s/s, %.0f %%", rate, plot->unit, share);
        put(c, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"5\" fill=\"#1f5fbf\"/>\n", x, y);
        double below = y + 20;
        if (fabs(x - label_x) < LABEL_WIDTH && fabs(below - label_y) < 2 * LABEL_LINE) {
            below = label_y + 2 * LABEL_LINE;
        }
        put_label(c, x, below, right, point->label, text);
        label_x = x;
        label_y = below;
    }
}

// ---- The file ----------------------------------------------------------------------------------

static bool positive(double value)
{
    return isfinite(value) && value > 0;
}

static waggle_status check(const cli_roofline *plot, waggle_error *error)
{
    WG_ASSERT(plot->count <= CLI_ROOFLINE_POINTS_MAX);
    if (plot->count == 0) return wg_fail(error, WAGGLE_INVALID, "a plot needs a point");
    if (!positive(plot->bandwidth)) {
        return wg_fail(error, WAGGLE_INVALID, "the bandwidth is %g bytes per second",
                       plot->bandwidth);
    }
    for (uint32_t i = 0; i < plot->count; i++) {
        const cli_roofline_point *point = &plot->points[i];
        if (!positive(point->intensity) || !positive(point->operations)) {
            return wg_fail(error, WAGGLE_INVALID, "%s has %g operations per second and %g per byte",
                           point->label, point->operations, point->intensity);
        }
    }
    return WAGGLE_OK;
}

waggle_status cli_roofline_write(const cli_roofline *plot, wg_buffer *svg, waggle_error *error)
{
    canvas c = {.plot = plot, .svg = svg};
    waggle_status status = check(plot, error);

    if (status != WAGGLE_OK) return status;
    scales_make(&c);
    put(&c, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    put(&c,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
        "font-family=\"sans-serif\" font-size=\"13\" fill=\"#222\">\n",
        WIDTH, HEIGHT, WIDTH, HEIGHT);
    put(&c, "<style>.tick{fill:#666;font-size:12px}.note{fill:#b03a2e;font-size:12px}"
            ".roof{stroke:#b03a2e;stroke-width:2}</style>\n");
    put(&c, "<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n", WIDTH, HEIGHT);
    put_text(&c, LEFT, 28, " font-size=\"16\" font-weight=\"bold\"", plot->title);
    if (plot->subtitle != NULL) put_text(&c, LEFT, 48, " class=\"tick\"", plot->subtitle);
    put_grid(&c);
    put_axes(&c);
    put_memory_roof(&c);
    put_compute_roof(&c);
    put_points(&c);
    put(&c, "</svg>\n");
    return c.failed ? wg_fail_memory(error, svg->size, "the plot") : WAGGLE_OK;
}
