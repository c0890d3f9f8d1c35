#include <stdint.h>

void sparse_times_vector(double *y, const double *values, const int64_t *starts, const int64_t *columns,
                         const double *x, int64_t rows, int64_t rounds) {
    for (int64_t round = 0; round < rounds; round++)
        for (int64_t row = 0; row < rows; row++) {
            double total = 0.0;
            for (int64_t i = starts[row]; i < starts[row + 1]; i++) total += x[columns[i]] * values[i];
            y[row] = total;
        }
}
