#include <stdint.h>

void matmul(double *product, const double *a, const double *b, int64_t rows, int64_t inner, int64_t columns) {
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++) {
            double total = 0.0;
            for (int64_t k = 0; k < inner; k++) total += a[i * inner + k] * b[k * columns + j];
            product[i * columns + j] = total;
        }
}
