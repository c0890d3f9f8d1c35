#include <stdint.h>

double sum_doubles(const double *data, int64_t count) {
    double total = 0.0;
    for (int64_t i = 0; i < count; i++) total += data[i];
    return total;
}

int64_t sum_int64s(const int64_t *data, int64_t count) {
    int64_t total = 0;
    for (int64_t i = 0; i < count; i++) total += data[i];
    return total;
}
