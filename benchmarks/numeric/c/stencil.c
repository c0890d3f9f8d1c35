#include <stdint.h>

void jacobi(double *grid, double *other, int64_t height, int64_t width, int64_t steps) {
    for (int64_t step = 0; step < steps; step++) {
        for (int64_t i = 1; i < height - 1; i++)
            for (int64_t j = 1; j < width - 1; j++)
                other[i * width + j] = 0.25 * (grid[(i - 1) * width + j] + grid[(i + 1) * width + j] +
                                               grid[i * width + j - 1] + grid[i * width + j + 1]);
        double *kept = grid;
        grid = other;
        other = kept;
    }
}
