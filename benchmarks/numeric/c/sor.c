#include <stdint.h>

void sor(double *grid, int64_t height, int64_t width, double omega, int64_t sweeps) {
    double quarter = omega * 0.25, keep = 1.0 - omega;
    for (int64_t sweep = 0; sweep < sweeps; sweep++)
        for (int64_t i = 1; i < height - 1; i++) {
            double *row = &grid[i * width], *above = row - width, *below = row + width;
            for (int64_t j = 1; j < width - 1; j++)
                row[j] = quarter * (above[j] + below[j] + row[j - 1] + row[j + 1]) + keep * row[j];
        }
}
