#include <complex.h>
#include <stdint.h>

int64_t mandelbrot(int64_t size, int64_t limit) {
    int64_t total = 0;
    for (int64_t row = 0; row < size; row++) {
        double ci = 2.0 * row / size - 1.0;
        for (int64_t column = 0; column < size; column++) {
            double cr = 3.0 * column / size - 2.0, zr = 0.0, zi = 0.0;
            int64_t iteration = 0;
            for (; iteration < limit; iteration++) {
                double rr = zr * zr, ii = zi * zi;
                if (rr + ii > 4.0) break;
                zi = 2.0 * zr * zi + ci;
                zr = rr - ii + cr;
            }
            total += iteration;
        }
    }
    return total;
}

int64_t julia(int64_t size, int64_t limit, double real, double imaginary) {
    double complex c = real + imaginary * I;
    int64_t total = 0;
    for (int64_t row = 0; row < size; row++)
        for (int64_t column = 0; column < size; column++) {
            double complex z = (3.0 * column / size - 1.5) + (3.0 * row / size - 1.5) * I;
            int64_t steps = 0;
            while (steps < limit && cabs(z) <= 2.0) {
                z = z * z + c;
                steps++;
            }
            total += steps;
        }
    return total;
}
