// The scans of codes, at every level, against wg_code_product() and wg_code_excludes(). One query and the panel of int8 codes.
#include "device/cpu/kernels.h"
#include "support/test.h"

#include <math.h>

enum {
    ROWS = WG_CODES_ROWS,
    ROWS_HUGE = 5, // of the largest dimension
    PANEL_ROWS = 19,
    LIMITS = 4 // rows whose very value is the limit, in turn
};

static const uint32_t dims[] = {
    1, 2, 15, 16, 63, 64, 65, 127, 128, 129, 300, 768, 1000, 2048, WAGGLE_DIM_MAX};

// ---- Codes and queries -------------------------------------------------------------------------

typedef enum filling {
    RANDOM,
    HIGH_POSITIVE, // all bits of the codes are set, all components 127
    HIGH_NEGATIVE,
    LOW_POSITIVE, // all are clear
    LOW_NEGATIVE,
    FILLINGS
} filling;

// Blocks are as large as what they hold, so that the address sanitizer sees what is read beyond them.
typedef struct codes_case {
    wg_code_kind kind;
    uint32_t dim;
    uint32_t row_count;
    size_t stride;
    uint8_t *codes;
    wg_code_figures *figures;
    int8_t *plane;
    int32_t sum;
    float products[ROWS];
    wg_code_threshold threshold;
} codes_case;

static uint8_t code_byte(test_random *random, filling fill)
{
    if (fill == RANDOM) return (uint8_t)test_next(random);
    return fill == HIGH_POSITIVE || fill == HIGH_NEGATIVE ? 255 : 0;
}

static int8_t component(test_random *random, filling fill)
{
    if (fill == RANDOM) return (int8_t)((int32_t)test_below(random, 255) - 127);
    return fill == HIGH_POSITIVE || fill == LOW_POSITIVE ? 127 : -127;
}

static wg_code_figures figures_of(test_random *random)
{
    if (test_below(random, 8) == 0) return (wg_code_figures){.residual = INFINITY}; // an open row
    return (wg_code_figures){.scale = fabsf(test_normal(random)),
                             .residual = fabsf(test_normal(random)),
                             .base = test_normal(random) * 100.0f,
                             .norm = fabsf(test_normal(random))};
}

// What the test compares with its limit.
static float value_of(const wg_code_threshold *threshold, const wg_code_figures *row, float product)
{
    float value = fmaf(threshold->norm, row->norm, row->base);

    value = fmaf(threshold->residual, row->residual, value);
    return fmaf(threshold->product, row->scale * product, value);
}

static wg_code_threshold threshold_of(test_random *random)
{
    return (wg_code_threshold){.product = -fabsf(test_normal(random)),
                               .residual = -fabsf(test_normal(random)) - 0x1p-100f,
                               .norm = -fabsf(test_normal(random)),
                               .limit = INFINITY};
}

static void case_create(codes_case *c, test_random *random, wg_code_kind kind, uint32_t dim,
                        filling fill)
{
    size_t plane_size = wg_code_query_stride(dim);

    *c = (codes_case){.kind = kind, .dim = dim, .stride = wg_code_stride(kind, dim)};
    c->row_count = dim == WAGGLE_DIM_MAX ? ROWS_HUGE : ROWS;
    c->codes = wg_alloc(NULL, WG_MEMORY_OTHER, c->row_count * c->stride);
    c->figures = wg_alloc(NULL, WG_MEMORY_OTHER, c->row_count * sizeof(*c->figures));
    c->plane = wg_alloc_zeroed(NULL, WG_MEMORY_OTHER, plane_size);
    c->threshold = threshold_of(random);
    for (size_t i = 0; i < c->row_count * c->stride; i++) // padding, too: it must not count
        c->codes[i] = code_byte(random, fill);
    for (uint32_t i = 0; i < dim; i++) {
        c->plane[i] = component(random, fill);
        c->sum += c->plane[i];
    }
    for (uint32_t r = 0; r < c->row_count; r++) {
        c->figures[r] = figures_of(random);
        c->products[r] = (float)wg_code_product(kind, c->plane, c->codes + r * c->stride, dim);
    }
}

static void case_destroy(codes_case *c)
{
    wg_free(c->codes);
    wg_free(c->figures);
    wg_free(c->plane);
}

// ---- Scans of one query ------------------------------------------------------------------------

static uint64_t kept_expected(const codes_case *c, uint32_t row_count)
{
    uint64_t kept = 0;

    for (uint32_t r = 0; r < row_count; r++) {
        kept |= (uint64_t)!wg_code_excludes(&c->threshold, &c->figures[r], c->products[r]) << r;
    }
    return kept;
}

static void check_scan(const wg_kernels *kernels, const codes_case *c, uint32_t row_count)
{
    uint64_t kept = kernels->codes[c->kind](c->codes, c->stride, c->figures, row_count, c->plane,
                                            c->sum, c->dim, &c->threshold);
    WG_CHECK_U64(kept, kept_expected(c, row_count));
}

// The limit is a row's very value, and then the number below: a value with one wrong bit shows.
static void check_limits(const wg_kernels *kernels, codes_case *c, test_random *random)
{
    for (uint32_t i = 0; i < LIMITS; i++) {
        uint32_t row = (uint32_t)test_below(random, c->row_count);
        float value = value_of(&c->threshold, &c->figures[row], c->products[row]);
        if (isinf(value)) continue; // an open row
        c->threshold.limit = value;
        WG_CHECK((kept_expected(c, c->row_count) >> row & 1) != 0); // a tie is never excluded
        check_scan(kernels, c, c->row_count);
        c->threshold.limit = nextafterf(value, -INFINITY);
        WG_CHECK((kept_expected(c, c->row_count) >> row & 1) == 0);
        check_scan(kernels, c, c->row_count);
    }
}

static void check_counts(const wg_kernels *kernels, const codes_case *c)
{
    uint32_t step = c->dim > 129 && c->row_count == ROWS ? 7 : 1;

    for (uint32_t count = 1; count <= c->row_count; count += step)
        check_scan(kernels, c, count);
}

static void check_case(codes_case *c, test_random *random)
{
    wg_code_threshold threshold = c->threshold;

    for (uint32_t level = 0; level < WG_SIMD_COUNT; level++) {
        const wg_kernels *kernels = wg_kernels_get((wg_simd)level, NULL);
        if (kernels == NULL) continue;
        c->threshold = threshold;
        check_scan(kernels, c, c->row_count); // no limit
        check_limits(kernels, c, random);
        check_counts(kernels, c);
    }
}

WG_TEST(every_level_keeps_the_rows_that_the_reference_keeps)
{
    static const wg_code_kind kinds[] = {WG_CODE_I8, WG_CODE_I4, WG_CODE_B1};
    test_random random = {.state = test_seed(51)};

    for (size_t k = 0; k < WG_COUNT(kinds); k++) {
        for (size_t d = 0; d < WG_COUNT(dims); d++) {
            for (int fill = 0; fill < FILLINGS; fill++) {
                codes_case c;
                case_create(&c, &random, kinds[k], dims[d], (filling)fill);
                check_case(&c, &random);
                case_destroy(&c);
            }
        }
    }
}

WG_TEST(every_level_scans_every_kind_of_codes)
{
    for (uint32_t level = 0; level < WG_SIMD_COUNT; level++) {
        const wg_kernels *kernels = wg_kernels_get((wg_simd)level, NULL);
        if (kernels == NULL) continue;
        for (int kind = WG_CODE_I8; kind <= WG_CODE_B1; kind++)
            WG_CHECK(kernels->codes[kind] != NULL);
        WG_CHECK((kernels->codes_panel != NULL) == (kernels->panel[WAGGLE_I8] != NULL));
    }
}

// ---- Panels ------------------------------------------------------------------------------------

// The queries of a panel; rows are those of a case.
typedef struct panel_case {
    const codes_case *rows;
    uint32_t width;
    int8_t *planes; // of dim components each
    int8_t *panel;
    wg_code_threshold thresholds[WG_PANEL_QUERIES];
    int32_t starts[WG_PANEL_QUERIES];
    float product[WG_PANEL_QUERIES]; // the members of the thresholds
    float residual[WG_PANEL_QUERIES];
    float norm[WG_PANEL_QUERIES];
    float limit[WG_PANEL_QUERIES];
} panel_case;

static float panel_product(const panel_case *p, uint32_t r, uint32_t q)
{
    const codes_case *rows = p->rows;
    return (float)wg_code_product(WG_CODE_I8, p->planes + (size_t)q * rows->dim,
                                  rows->codes + r * rows->stride, rows->dim);
}

// Limits are the value of a row, the number below, or none.
static void panel_set_limit(panel_case *p, test_random *random, uint32_t q)
{
    wg_code_threshold *threshold = &p->thresholds[q];
    uint32_t row = (uint32_t)test_below(random, p->rows->row_count);
    float value = value_of(threshold, &p->rows->figures[row], panel_product(p, row, q));

    if (q % 8 != 0 && isfinite(value))
        threshold->limit = q % 2 == 0 ? value : nextafterf(value, -INFINITY);
    p->product[q] = threshold->product;
    p->residual[q] = threshold->residual;
    p->norm[q] = threshold->norm;
    p->limit[q] = threshold->limit;
}

static void panel_create(panel_case *p, test_random *random, const codes_case *rows, uint32_t width,
                         filling fill)
{
    size_t size = (size_t)wg_round_up(rows->dim, 4) * width;

    *p = (panel_case){.rows = rows, .width = width};
    p->planes = wg_alloc(NULL, WG_MEMORY_OTHER, (size_t)rows->dim * width);
    p->panel = wg_alloc_zeroed(NULL, WG_MEMORY_OTHER, size);
    for (uint32_t q = 0; q < width; q++) {
        for (uint32_t i = 0; i < rows->dim; i++) {
            int8_t value = component(random, fill);
            p->planes[(size_t)q * rows->dim + i] = value;
            p->panel[((size_t)i / 4 * width + q) * 4 + i % 4] = value;
            p->starts[q] -= 128 * value;
        }
        p->thresholds[q] = threshold_of(random);
        panel_set_limit(p, random, q);
    }
}

static void panel_destroy(panel_case *p)
{
    wg_free(p->planes);
    wg_free(p->panel);
}

static void check_panel(const wg_kernels *kernels, const panel_case *p, uint32_t row_count)
{
    const codes_case *rows = p->rows;
    uint64_t masks[PANEL_ROWS + 1];
    wg_codes_limits limits = {.product = p->product,
                              .residual = p->residual,
                              .norm = p->norm,
                              .limit = p->limit,
                              .start = p->starts,
                              .figures = rows->figures,
                              .ahead = rows->codes};

    masks[row_count] = 0x5555;
    kernels->codes_panel(rows->codes, rows->stride, row_count, p->panel, p->width, rows->dim,
                         &limits, masks);
    for (uint32_t r = 0; r < row_count; r++) {
        for (uint32_t q = 0; q < p->width; q++) {
            bool excluded =
                wg_code_excludes(&p->thresholds[q], &rows->figures[r], panel_product(p, r, q));
            WG_CHECK((masks[r] >> q & 1) == !excluded);
        }
    }
    WG_CHECK_U64(masks[row_count], 0x5555);
}

static void check_panels(const wg_kernels *kernels, test_random *random, const codes_case *rows,
                         filling fill)
{
    uint32_t count = WG_MIN(rows->row_count, (uint32_t)PANEL_ROWS);
    uint32_t least = rows->dim == WAGGLE_DIM_MAX ? kernels->panel_queries : 16;

    for (uint32_t width = least; width <= kernels->panel_queries; width += 16) {
        panel_case p;
        panel_create(&p, random, rows, width, fill);
        check_panel(kernels, &p, count);
        for (uint32_t fewer = 1; rows->dim <= 129 && fewer < count; fewer++)
            check_panel(kernels, &p, fewer);
        panel_destroy(&p);
    }
}

WG_TEST(panels_of_codes_keep_the_pairs_that_the_reference_keeps)
{
    test_random random = {.state = test_seed(52)};
    bool any = false;

    for (uint32_t level = 0; level < WG_SIMD_COUNT; level++) {
        const wg_kernels *kernels = wg_kernels_get((wg_simd)level, NULL);
        if (kernels == NULL || kernels->codes_panel == NULL) continue;
        any = true;
        for (size_t d = 0; d < WG_COUNT(dims); d++) {
            // The reference takes long at the largest dimension: there, the largest sums are enough.
            for (int fill = dims[d] == WAGGLE_DIM_MAX ? HIGH_POSITIVE : RANDOM; fill < FILLINGS;
                 fill++) {
                codes_case rows;
                case_create(&rows, &random, WG_CODE_I8, dims[d], (filling)fill);
                check_panels(kernels, &random, &rows, (filling)fill);
                case_destroy(&rows);
            }
        }
    }
    if (!any) WG_SKIP("this machine has no level with panels of codes");
}
