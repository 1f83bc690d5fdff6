#include "vector/oracle.h"

#include <math.h>
#include <string.h>

// Sums over the components that the metrics need. One loop, no tricks: this is what "right" means.
typedef struct sums {
    double dot;
    double query_square;
    double row_square;
    double difference_square;
    double difference;
    double difference_peak;
    double bits_differ;
} sums;

static double component(waggle_type type, const void *row, uint32_t i)
{
    const uint8_t *bytes = row;
    float f32;
    uint16_t half;

    switch (type) {
    case WAGGLE_F32: memcpy(&f32, bytes + 4 * (size_t)i, sizeof(f32)); return (double)f32;
    case WAGGLE_F16:
        memcpy(&half, bytes + 2 * (size_t)i, sizeof(half));
        return (double)wg_f16_to_f32(half);
    case WAGGLE_BF16:
        memcpy(&half, bytes + 2 * (size_t)i, sizeof(half));
        return (double)wg_bf16_to_f32(half);
    case WAGGLE_U8: return (double)bytes[i];
    case WAGGLE_I8: return (double)(int8_t)bytes[i];
    default: return (double)(bytes[i / 8] >> i % 8 & 1); // b1
    }
}

static sums sum_up(waggle_type type, const void *query, const void *row, uint32_t dim)
{
    sums s = {0};

    for (uint32_t i = 0; i < dim; i++) {
        double q = component(type, query, i);
        double x = component(type, row, i);
        double difference = fabs(q - x);
        s.dot += q * x;
        s.query_square += q * q;
        s.row_square += x * x;
        s.difference_square += difference * difference;
        s.difference += difference;
        s.difference_peak = fmax(s.difference_peak, difference);
        s.bits_differ += q != x ? 1.0 : 0.0;
    }
    return s;
}

double wg_oracle_score(waggle_metric metric, waggle_type type, const void *query, const void *row,
                       uint32_t dim)
{
    WG_ASSERT(wg_metric_supports(metric, type));

    sums s = sum_up(type, query, row, dim);
    double norms = sqrt(s.query_square) * sqrt(s.row_square);
    switch (metric) {
    case WAGGLE_L2: return s.difference_square;
    case WAGGLE_COSINE: return norms == 0.0 ? 0.0 : s.dot / norms;
    case WAGGLE_DOT: return s.dot;
    case WAGGLE_L1: return s.difference;
    case WAGGLE_LINF: return s.difference_peak;
    default: return s.bits_differ; // hamming
    }
}
