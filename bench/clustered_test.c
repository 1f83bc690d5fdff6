#include "clustered.h"
#include "support/test.h"

#include <math.h>
#include <stdlib.h>

#define DIM 128u
#define INTRINSIC 20u
#define ROWS 4000u
#define EXPECTED \
    "53e9179abb327cd56aecb878fe28b851432b9c2ded4883d58cd2ec034214d98b" // of 1,000 rows, seed 7

static float *rows_of(uint64_t seed, uint64_t first, uint64_t count)
{
    bench_clustered *mixture = bench_clustered_create(DIM, INTRINSIC, seed);
    float *rows = malloc(count * DIM * sizeof *rows);
    WG_CHECK(rows != NULL);
    bench_clustered_rows(mixture, first, count, rows);
    bench_clustered_destroy(mixture);
    return rows;
}

// If this fails on a machine, its results cannot be compared with those of others.
WG_TEST(a_seed_gives_the_same_bytes_everywhere)
{
    char text[BENCH_SHA_TEXT_SIZE];
    float *rows = rows_of(7, 0, 1000);
    bench_sha256(rows, 1000 * DIM * sizeof *rows, text);
    WG_CHECK_TEXT(text, EXPECTED);
    free(rows);
    rows = rows_of(8, 0, 1000);
    bench_sha256(rows, 1000 * DIM * sizeof *rows, text);
    WG_CHECK(strcmp(text, EXPECTED) != 0);
    free(rows);
}

WG_TEST(rows_can_be_made_in_parts)
{
    float *whole = rows_of(7, 0, 100);
    float *part = rows_of(7, 60, 40);
    assert_memory_equal(whole + 60 * DIM, part, 40 * DIM * sizeof *part);
    free(whole);
    free(part);
}

WG_TEST(queries_are_no_rows)
{
    bench_clustered *mixture = bench_clustered_create(DIM, INTRINSIC, 7);
    float *rows = rows_of(7, 0, ROWS);
    float query[DIM];
    for (uint64_t q = 0; q < 10; q++) {
        bench_clustered_queries(mixture, q, 1, query);
        for (uint64_t i = 0; i < ROWS; i++)
            WG_CHECK(memcmp(query, rows + i * DIM, sizeof query) != 0);
    }
    free(rows);
    bench_clustered_destroy(mixture);
}

static double squared(const float *a, const float *b)
{
    double sum = 0;
    for (uint32_t j = 0; j < DIM; j++) {
        double difference = (double)a[j] - (double)b[j];
        sum += difference * difference;
    }
    return sum;
}

// Two rows differ by twice the variance: within a cluster that of the noise, in all components; between clusters that of
// the centers as well, in the intrinsic ones. An orthonormal map keeps lengths, so both can be told from distances.
WG_TEST(rows_of_a_cluster_are_near_and_clusters_are_far)
{
    bench_clustered *mixture = bench_clustered_create(DIM, INTRINSIC, 7);
    float *rows = rows_of(7, 0, ROWS);
    double near = 0, far = 0, near_count = 0, far_count = 0;
    for (uint64_t i = 0; i < 400; i++) {
        for (uint64_t j = i + 1; j < 400; j++) {
            bool same = bench_clustered_of(mixture, i) == bench_clustered_of(mixture, j);
            double d = squared(rows + i * DIM, rows + j * DIM);
            if (same)
                near += d;
            else
                far += d;
            near_count += same;
            far_count += !same;
        }
    }
    double noise = 2 * 0.01 * DIM;
    WG_CHECK(near_count > 100 && fabs(near / near_count / noise - 1) < 0.05);
    WG_CHECK(fabs(far / far_count / (2.0 * INTRINSIC + noise) - 1) < 0.15);
    free(rows);
    bench_clustered_destroy(mixture);
}

WG_TEST(cluster_sizes_follow_zipf)
{
    const uint64_t count = 100000;
    uint64_t sizes[BENCH_CLUSTERS] = {0};
    double harmonic = 0;
    bench_clustered *mixture = bench_clustered_create(DIM, INTRINSIC, 7);
    for (uint64_t i = 0; i < count; i++)
        sizes[bench_clustered_of(mixture, i)]++;
    for (uint32_t c = 0; c < BENCH_CLUSTERS; c++)
        harmonic += 1.0 / (c + 1);
    for (uint32_t c = 0; c < 10; c++) {
        double expected = (double)count / harmonic / (c + 1);
        WG_CHECK(fabs((double)sizes[c] / expected - 1) < 0.15);
    }
    bench_clustered_destroy(mixture);
}

WG_TEST(noise_is_normal)
{
    enum {
        SAMPLES = 200000
    };

    bench_clustered *mixture = bench_clustered_create(1, 1, 7);
    float *rows = malloc(SAMPLES * sizeof *rows);
    double sums[5] = {0}; // of powers of the noise of rows in the first cluster
    float center = 0;
    uint64_t count = 0;
    WG_CHECK(rows != NULL);
    bench_clustered_rows(mixture, 0, SAMPLES, rows);
    for (int pass = 0; pass < 2; pass++) {
        for (uint64_t i = 0; i < SAMPLES; i++) {
            if (bench_clustered_of(mixture, i) != 0) continue;
            double noise = ((double)rows[i] - (double)center) / 0.1;
            if (pass == 0) sums[0] += (double)rows[i];
            count += pass == 0;
            for (int power = 1; power < 5 && pass == 1; power++)
                sums[power] += pow(noise, power) / (double)count;
        }
        if (pass == 0) center = (float)(sums[0] / (double)count);
    }
    WG_CHECK(fabs(sums[2] - 1) < 0.03);
    WG_CHECK(fabs(sums[3]) < 0.06);
    WG_CHECK(fabs(sums[4] - 3) < 0.2);
    free(rows);
    bench_clustered_destroy(mixture);
}
