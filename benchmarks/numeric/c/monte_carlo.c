#include <stdint.h>

static int64_t next_seed(int64_t seed) { return (seed * 1103515245 + 12345) & 0x7FFFFFFF; }

double monte_carlo_pi(int64_t samples, int64_t seed) {
    int64_t inside = 0;
    for (int64_t i = 0; i < samples; i++) {
        seed = next_seed(seed);
        double x = seed / 2147483648.0;
        seed = next_seed(seed);
        double y = seed / 2147483648.0;
        if (x * x + y * y <= 1.0) inside++;
    }
    return 4.0 * inside / samples;
}
