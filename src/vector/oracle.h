// The scalar reference: every kernel of every device is compared with it. Plain loops in double.
#pragma once

#include "vector/type.h"

// The score of a stored row and a query of the same type, as the exact formula of waggle_metric gives it.
// For cosine neither needs to be normalised.
double wg_oracle_score(waggle_metric metric, waggle_type type, const void *query, const void *row,
                       uint32_t dim);
