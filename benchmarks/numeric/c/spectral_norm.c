#include <math.h>
#include <stdint.h>
#include <stdlib.h>

static double element(int64_t i, int64_t j) { return 1.0 / ((i + j) * (i + j + 1) / 2 + i + 1); }

static void times(const double *v, double *out, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        double total = 0.0;
        for (int64_t j = 0; j < n; j++) total += element(i, j) * v[j];
        out[i] = total;
    }
}

static void transposed_times(const double *v, double *out, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        double total = 0.0;
        for (int64_t j = 0; j < n; j++) total += element(j, i) * v[j];
        out[i] = total;
    }
}

double spectral_norm(int64_t n) {
    double *u = malloc(n * sizeof(double)), *v = malloc(n * sizeof(double)), *between = malloc(n * sizeof(double));
    for (int64_t i = 0; i < n; i++) u[i] = 1.0;
    for (int round = 0; round < 10; round++) {
        times(u, between, n);
        transposed_times(between, v, n);
        times(v, between, n);
        transposed_times(between, u, n);
    }
    double uv = 0.0, vv = 0.0;
    for (int64_t i = 0; i < n; i++) {
        uv += u[i] * v[i];
        vv += v[i] * v[i];
    }
    free(u);
    free(v);
    free(between);
    return sqrt(uv / vv);
}
