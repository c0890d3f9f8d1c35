#include <math.h>
#include <stdint.h>

int64_t lu_factor(double *a, int64_t *pivots, int64_t n) {
    for (int64_t j = 0; j < n; j++) {
        int64_t best = j;
        double largest = fabs(a[j * n + j]);
        for (int64_t i = j + 1; i < n; i++) {
            double size = fabs(a[i * n + j]);
            if (size > largest) {
                best = i;
                largest = size;
            }
        }
        pivots[j] = best;
        if (a[best * n + j] == 0.0) return 1;
        if (best != j)
            for (int64_t k = 0; k < n; k++) {
                double kept = a[j * n + k];
                a[j * n + k] = a[best * n + k];
                a[best * n + k] = kept;
            }
        double reciprocal = 1.0 / a[j * n + j];
        for (int64_t i = j + 1; i < n; i++) a[i * n + j] *= reciprocal;
        for (int64_t i = j + 1; i < n; i++) {
            double *row = &a[i * n], *above = &a[j * n];
            double factor = row[j];
            for (int64_t k = j + 1; k < n; k++) row[k] -= factor * above[k];
        }
    }
    return 0;
}
