#include "support/test.h"
#include "vector/bounds.h"
#include "vector/certify.h"
#include "vector/oracle.h"

#include <float.h>
#include <math.h>

// Data that bounds dislike, in frames of every sort, against the oracle and the canonical score.

enum {
    ROWS = 24,
    QUERIES = 8,
    DIM_MAX = 2000,
    MEMBERS = ROWS + QUERIES
};

static float points[MEMBERS][DIM_MAX]; // the queries are the last
static float center[DIM_MAX], scratch[DIM_MAX];
static uint8_t codes[ROWS][2048];
static int8_t planes[2 * 2048];
static wg_code_figures figures[ROWS];
static float scores[ROWS];

static const wg_code_kind kinds[] = {WG_CODE_I8, WG_CODE_I4, WG_CODE_B1};
static const waggle_metric metrics[] = {WAGGLE_L2, WAGGLE_DOT, WAGGLE_COSINE};

// The score as docs/decisions/bit-identical-scores.md defines it.
static float canonical(waggle_metric metric, const float *q, const float *x, uint32_t dim)
{
    float lanes[16] = {0};

    for (uint32_t i = 0; i < dim; i++) {
        float d = q[i] - x[i];
        float *lane = &lanes[i % 16];
        *lane = metric == WAGGLE_L2 ? fmaf(d, d, *lane) : fmaf(q[i], x[i], *lane);
    }
    for (uint32_t half = 8; half > 0; half /= 2) {
        for (uint32_t j = 0; j < half; j++) {
            lanes[j] += lanes[j + half];
        }
    }
    if (isnan(lanes[0])) return metric == WAGGLE_L2 ? INFINITY : -INFINITY;
    return lanes[0];
}

// ---- Adversaries -------------------------------------------------------------------------------

typedef enum adversary {
    GAUSSIAN,
    NEAR_DUPLICATES,
    HUGE_NORMS,
    OFFSETS,
    CONSTANT_DIMENSIONS,
    DENORMALS,
    ZERO_ROWS,
    ONE_DOMINATES,
    TIES,
    ALL_SCALES,
    HALF_PRECISION,
    ON_THE_CENTER,
    EXACT_CODES, // nothing but rounding errors is left
    ADVERSARIES
} adversary;

static float scale_any(test_random *random)
{
    return ldexpf(1.0f, (int)test_below(random, 250) - 149);
}

static float component(test_random *random, adversary kind, uint32_t row, uint32_t i)
{
    float normal = test_normal(random);

    switch (kind) {
    case NEAR_DUPLICATES:
        return row == 0 ? normal : points[0][i] + 1e-4f * normal * (float)(row % 4);
    case HUGE_NORMS: return row % 4 == 0 ? normal * 1e30f : row % 4 == 1 ? normal * 1e17f : normal;
    case OFFSETS: return 1000.0f + normal;
    case CONSTANT_DIMENSIONS: return i % 3 == 0 ? normal : 42.5f;
    case DENORMALS: return normal * (row % 2 == 0 ? 1e-40f : 1e-21f);
    case ZERO_ROWS: return row % 2 == 0 ? 0.0f : normal;
    case ONE_DOMINATES: return i == 0 ? 1e4f * normal : normal;
    case TIES: return (float)test_below(random, 3);
    case EXACT_CODES:
        if (row + i == 0) return fabsf(normal) + 1.0f;
        if (row >= ROWS) return points[0][0] * (0.13f * (float)(row - ROWS) - 2.0f);
        return (row % 3 == 0 || (row % 3 == 1 && i % 2 == 0)) ? -points[0][0] : points[0][0];
    case HALF_PRECISION: return wg_bf16_to_f32(wg_f32_to_bf16(normal));
    default: return normal;
    }
}

static void points_make(test_random *random, adversary kind, uint32_t dim)
{
    for (uint32_t row = 0; row < MEMBERS; row++) {
        float factor = kind == ALL_SCALES ? scale_any(random) : 1.0f;
        for (uint32_t i = 0; i < dim; i++) {
            points[row][i] = component(random, kind, row, i) * factor;
        }
    }
    // Some queries are rows, or nearly.
    memcpy(points[ROWS], points[0], dim * sizeof(float));
    for (uint32_t i = 0; i < dim; i++) {
        points[ROWS + 1][i] = points[1][i] * 1.0001f;
    }
}

static void center_make(adversary kind, uint32_t dim)
{
    double sums[DIM_MAX] = {0};

    if (kind == ON_THE_CENTER) { // the center is a row, and a query
        memcpy(center, points[0], dim * sizeof(float));
        return;
    }
    for (uint32_t row = 0; row < ROWS; row++) {
        wg_center_add(sums, points[row], dim);
    }
    wg_center_finish(sums, kind == EXACT_CODES ? 0 : ROWS, dim, center); // of no rows: zero
}

typedef struct setup {
    wg_frame frame;
    wg_code_kind kind;
    uint32_t k;
} setup;

// Queries that lie straight behind a row as its image sees it, or straight along what was lost: there the inequalities
// of Theorems 1 and 2 are equalities.
static void queries_sharpen(test_random *random, const setup *s)
{
    for (uint32_t q = 5; q < QUERIES; q++) {
        uint32_t row = (uint32_t)test_below(random, ROWS);
        float factor = ldexpf(test_normal(random), (int)test_below(random, 8) - 2);
        for (uint32_t i = 0; i < s->frame.dim; i++) {
            float image = figures[row].scale * (float)wg_code_component(s->kind, codes[row], i);
            float lost = points[row][i] - center[i] - image;
            float from = s->frame.metric == WAGGLE_L2 ? points[row][i] : center[i];
            points[ROWS + q][i] = from + factor * lost;
        }
    }
}

static setup setup_make(test_random *random, adversary data, wg_code_kind kind,
                        waggle_metric metric, uint32_t dim)
{
    setup s = {.kind = kind, .k = 1 + (uint32_t)test_below(random, 10)};
    bool rotated = kind == WG_CODE_B1 || test_below(random, 2) == 0;

    points_make(random, data, dim);
    for (uint32_t row = 0; row < MEMBERS && metric == WAGGLE_COSINE; row++) {
        wg_row_normalize(WAGGLE_F32, points[row], dim);
    }
    center_make(data, dim);
    wg_frame_init(&s.frame, metric, center, dim, rotated, test_next(random));
    for (uint32_t row = 0; row < ROWS; row++) {
        wg_code_encode(&s.frame, kind, points[row], codes[row], &figures[row], scratch);
        WG_CHECK(!isnan(figures[row].residual) && isfinite(figures[row].base));
        WG_CHECK(isfinite(figures[row].scale) && isfinite(figures[row].norm));
    }
    if (!rotated && data != HUGE_NORMS && data != ALL_SCALES && data != EXACT_CODES)
        queries_sharpen(random, &s);
    return s;
}

// ---- What must hold ----------------------------------------------------------------------------

typedef struct tally {
    uint64_t tests;
    uint64_t excluded;
} tally;

static void check_interval(const setup *s, const wg_code_query *query, const float *q, uint32_t row,
                           float product)
{
    waggle_metric exact = s->frame.metric == WAGGLE_COSINE ? WAGGLE_DOT : s->frame.metric;
    double truth = wg_oracle_score(exact, WAGGLE_F32, q, points[row], s->frame.dim);
    double norms = query->norm * (double)wg_row_norm(WAGGLE_F32, points[row], s->frame.dim);
    double noise = 1e-12 * (exact == WAGGLE_L2 ? truth : norms); // of the oracle
    wg_interval bounds = wg_code_bounds(query, s->kind, &figures[row], product);
    wg_interval leaves = wg_code_score_bounds(query, s->kind, &figures[row], product);

    if (!(bounds.lower <= truth + noise && truth - noise <= bounds.upper)) {
        fail_msg("kind %d, metric %d, dim %u, row %u: %.17g is outside %.17g..%.17g", (int)s->kind,
                 (int)s->frame.metric, s->frame.dim, row, truth, bounds.lower, bounds.upper);
    }
    if (!(leaves.lower <= (double)scores[row] && (double)scores[row] <= leaves.upper)) {
        fail_msg("kind %d, metric %d, dim %u, row %u: score %.9g is outside %.17g..%.17g",
                 (int)s->kind, (int)s->frame.metric, s->frame.dim, row, (double)scores[row],
                 leaves.lower, leaves.upper);
    }
}

// The k-th best score, ties counted as they come.
static float kth_best(const setup *s)
{
    float sorted[ROWS];
    bool lowest = wg_metric_lowest(s->frame.metric);

    for (uint32_t i = 0; i < ROWS; i++) {
        uint32_t at = i;
        for (; at > 0 && (scores[i] < sorted[at - 1]) == lowest && scores[i] != sorted[at - 1];
             at--) {
            sorted[at] = sorted[at - 1];
        }
        sorted[at] = scores[i];
    }
    return sorted[s->k - 1];
}

// No row whose score is as good as the bound is excluded.
static void check_exclusion(const setup *s, const wg_code_query *query, const float *products,
                            float bound, tally *count)
{
    bool lowest = wg_metric_lowest(s->frame.metric);
    wg_code_threshold threshold = wg_code_threshold_of(query, s->kind, bound);

    for (uint32_t row = 0; row < ROWS; row++) {
        bool excluded = wg_code_excludes(&threshold, &figures[row], products[row]);
        bool good = lowest ? scores[row] <= bound : scores[row] >= bound;
        if (excluded && good) {
            fail_msg("kind %d, metric %d, dim %u, row %u: score %.9g excluded at %.9g",
                     (int)s->kind, (int)s->frame.metric, s->frame.dim, row, (double)scores[row],
                     (double)bound);
        }
        count->tests++;
        count->excluded += excluded;
    }
}

static void check_query(const setup *s, const float *q, uint32_t plane_count, tally *count)
{
    float products[ROWS];
    wg_code_query query;

    wg_code_query_init(&query, &s->frame, q, plane_count, planes, scratch);
    for (uint32_t row = 0; row < ROWS; row++) {
        scores[row] = canonical(s->frame.metric, q, points[row], s->frame.dim);
        products[row] = wg_code_query_product(&query, s->kind, codes[row]);
        check_interval(s, &query, q, row, products[row]);
    }
    check_exclusion(s, &query, products, kth_best(s), count);
    check_exclusion(s, &query, products, scores[s->k], count); // any other, too
    for (uint32_t row = 0; row < ROWS; row++) { // at its own score no row is excluded
        wg_code_threshold own = wg_code_threshold_of(&query, s->kind, scores[row]);
        if (wg_code_excludes(&own, &figures[row], products[row])) {
            fail_msg("kind %d, metric %d, dim %u, row %u: excluded at its own score %.9g",
                     (int)s->kind, (int)s->frame.metric, s->frame.dim, row, (double)scores[row]);
        }
    }
    check_exclusion(s, &query, products, INFINITY, count);
    check_exclusion(s, &query, products, -INFINITY, count);
}

static uint32_t any_dim(test_random *random)
{
    uint64_t sort = test_below(random, 10);
    return 1 + (uint32_t)test_below(random, sort < 6 ? 70 : sort < 9 ? 300 : DIM_MAX);
}

// The proof, tried: 10^6 queries nightly.
WG_TEST(intervals_hold_the_score_and_no_row_of_the_k_best_is_excluded)
{
    test_random random = {.state = test_seed(3)};
    uint64_t rounds = test_rounds(117 * 10, 1000000 / QUERIES);
    tally count = {0};

    for (uint64_t round = 0; round < rounds; round++) {
        wg_code_kind kind = kinds[round % 3];
        waggle_metric metric = metrics[round / 3 % 3];
        adversary data = (adversary)(round / 9 % ADVERSARIES);
        // Equal terms in long lanes: roundings that do not cancel.
        uint32_t dim =
            data == EXACT_CODES ? DIM_MAX - (uint32_t)test_below(&random, 99) : any_dim(&random);
        setup s = setup_make(&random, data, kind, metric, dim);
        for (uint32_t q = 0; q < QUERIES; q++) {
            check_query(&s, points[ROWS + q], 1 + q % 2, &count);
        }
    }
    WG_CHECK(count.excluded * 20 > count.tests); // bounds that exclude nothing hold, too
}

// A cluster far away is dismissed by every kind of code: the bounds are of use.
WG_TEST(rows_far_away_are_excluded)
{
    test_random random = {.state = test_seed(4)};
    static const double must[] = {[WG_CODE_I8] = 0.95, [WG_CODE_I4] = 0.9, [WG_CODE_B1] = 0.5};

    for (uint32_t i = 0; i < 6; i++) {
        wg_code_kind kind = kinds[i % 3];
        tally count = {0};
        setup s = setup_make(&random, GAUSSIAN, kind, WAGGLE_L2, 512);
        for (uint32_t row = 0; row < MEMBERS; row++) {
            for (uint32_t j = 0; j < 512; j++) {
                points[row][j] += row % 2 == 0 ? 2.0f : -2.0f;
            }
        }
        for (uint32_t row = 0; row < ROWS; row++) {
            wg_code_encode(&s.frame, kind, points[row], codes[row], &figures[row], scratch);
        }
        wg_code_query query;
        float products[ROWS];
        const float *q = points[ROWS];
        wg_code_query_init(&query, &s.frame, q, 1 + i / 3, planes, scratch);
        for (uint32_t row = 0; row < ROWS; row++) {
            scores[row] = canonical(WAGGLE_L2, q, points[row], 512);
            products[row] = wg_code_query_product(&query, kind, codes[row]);
        }
        s.k = ROWS / 2;
        check_exclusion(&s, &query, products, kth_best(&s), &count);
        WG_CHECK((double)count.excluded >= must[kind] * ROWS / 2);
    }
}

WG_TEST(open_rows_and_open_queries_are_never_excluded)
{
    test_random random = {.state = test_seed(5)};
    tally count = {0};

    for (uint32_t i = 0; i < 9; i++) {
        setup s = setup_make(&random, GAUSSIAN, kinds[i % 3], metrics[i / 3], 40);
        for (uint32_t j = 0; j < 40; j++) {
            points[0][j] *= 1e30f;
            points[ROWS + 3][j] *= 1e25f;
        }
        wg_code_encode(&s.frame, s.kind, points[0], codes[0], &figures[0], scratch);
        WG_CHECK(isinf(figures[0].residual));
        check_query(&s, points[ROWS + 2], 1, &count);
        count = (tally){0};
        check_query(&s, points[ROWS + 3], 2, &count);
        WG_CHECK_U64(count.excluded, 0);
    }
}

// A query of denormals against a row of 2^57, both along one axis: the rotation rounds 167/16 units of the least denormal to 10.
WG_TEST(what_a_rotation_loses_below_the_range_is_within_the_bounds)
{
    wg_frame frame;
    wg_code_query query;

    memset(center, 0, sizeof(center));
    memset(points, 0, sizeof(points));
    points[0][0] = 0x1p57f;
    points[ROWS][0] = 167.0f * 0x1p-149f;
    wg_frame_init(&frame, WAGGLE_DOT, center, 256, true, 1);
    wg_code_encode(&frame, WG_CODE_I8, points[0], codes[0], &figures[0], scratch);
    wg_code_query_init(&query, &frame, points[ROWS], 1, planes, scratch);
    float product = wg_code_query_product(&query, WG_CODE_I8, codes[0]);
    float score = canonical(WAGGLE_DOT, points[ROWS], points[0], 256);
    wg_code_threshold own = wg_code_threshold_of(&query, WG_CODE_I8, score);
    wg_interval bounds = wg_code_bounds(&query, WG_CODE_I8, &figures[0], product);

    WG_CHECK(!wg_code_excludes(&own, &figures[0], product));
    WG_CHECK(bounds.upper >= 167.0 * 0x1p-92);
}

// Few hits so far, or a bound that is no number: everything is a candidate.
WG_TEST(an_infinite_bound_excludes_nothing)
{
    test_random random = {.state = test_seed(6)};
    static const float bounds[] = {INFINITY, -INFINITY, NAN};

    for (uint32_t i = 0; i < 9; i++) {
        setup s = setup_make(&random, GAUSSIAN, kinds[i % 3], metrics[i / 3], 100);
        wg_code_query query;
        wg_code_query_init(&query, &s.frame, points[ROWS], 2, planes, scratch);
        for (uint32_t b = 0; b < WG_COUNT(bounds); b++) {
            wg_code_threshold threshold = wg_code_threshold_of(&query, s.kind, bounds[b]);
            for (uint32_t row = 0; row < ROWS; row++) {
                float product = wg_code_query_product(&query, s.kind, codes[row]);
                WG_CHECK(!wg_code_excludes(&threshold, &figures[row], product));
            }
        }
    }
}

// Two planes are one query, 254 times finer: the intervals of int8 codes become narrower.
WG_TEST(a_second_plane_makes_the_query_finer)
{
    test_random random = {.state = test_seed(7)};

    for (uint32_t i = 0; i < 3; i++) {
        setup s = setup_make(&random, GAUSSIAN, WG_CODE_I8, metrics[i], 333);
        wg_code_query one, two;
        wg_code_query_init(&one, &s.frame, points[ROWS + 4], 1, planes, scratch);
        float rough = wg_code_query_product(&one, WG_CODE_I8, codes[5]);
        wg_interval wide = wg_code_bounds(&one, WG_CODE_I8, &figures[5], rough);
        wg_code_query_init(&two, &s.frame, points[ROWS + 4], 2, planes, scratch);
        float fine = wg_code_query_product(&two, WG_CODE_I8, codes[5]);
        wg_interval narrow = wg_code_bounds(&two, WG_CODE_I8, &figures[5], fine);

        WG_CHECK(two.residual < one.residual / 100.0);
        WG_CHECK(narrow.upper - narrow.lower < 0.7 * (wide.upper - wide.lower));
        WG_CHECK(fabsf(rough - fine) > 0.0f);
    }
}

WG_TEST(rounding_to_the_safe_side_is_never_below_and_one_step_at_most)
{
    test_random random = {.state = test_seed(8)};

    for (uint32_t i = 0; i < 10000; i++) {
        double value = ldexp((double)test_normal(&random), (int)test_below(&random, 300) - 150);
        float up = wg_f32_up(value), down = wg_f32_down(value);
        WG_CHECK((double)up >= value && (double)down <= value);
        WG_CHECK(up == down || nextafterf(down, INFINITY) == up);
    }
    WG_CHECK(isinf(wg_f32_up(1e39)));
    WG_CHECK(wg_f32_up(-1e39) == -FLT_MAX);
    WG_CHECK(wg_f32_gamma(100) > 100 * WG_F32_UNIT);
    WG_CHECK_U64(wg_score_roundings(768), 54);
}
