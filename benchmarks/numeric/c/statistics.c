#include <stdint.h>

void running_statistics(const double *data, int64_t count, double *out) {
    double mean = 0.0, squares = 0.0, lowest = data[0], highest = data[0];
    for (int64_t i = 0; i < count; i++) {
        double value = data[i], delta = value - mean;
        mean += delta / (i + 1);
        squares += delta * (value - mean);
        if (value < lowest) lowest = value;
        if (value > highest) highest = value;
    }
    out[0] = mean;
    out[1] = squares / (count - 1);
    out[2] = lowest;
    out[3] = highest;
}

void moving_average(const double *data, int64_t count, int64_t window, double *out) {
    double total = 0.0;
    for (int64_t i = 0; i < count; i++) {
        total += data[i];
        if (i >= window) total -= data[i - window];
        if (i >= window - 1) out[i - window + 1] = total / window;
    }
}
