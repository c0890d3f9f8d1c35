#include <math.h>
#include <stdint.h>

static void swap(double *data, int64_t i, int64_t j) {
    double kept = data[i];
    data[i] = data[j];
    data[j] = kept;
}

static void bit_reverse(double *data, int64_t n) {
    int64_t j = 0;
    for (int64_t i = 0; i < n - 1; i++) {
        if (i < j) {
            swap(data, 2 * i, 2 * j);
            swap(data, 2 * i + 1, 2 * j + 1);
        }
        int64_t k = n >> 1;
        while (k <= j) {
            j -= k;
            k >>= 1;
        }
        j += k;
    }
}

static void transform(double *data, int64_t n, double direction) {
    bit_reverse(data, n);
    for (int64_t dual = 1; dual < n; dual *= 2) {
        double theta = direction * M_PI / dual;
        double s = sin(theta), t = sin(theta / 2.0), s2 = 2.0 * t * t, w_real = 1.0, w_imag = 0.0;
        for (int64_t a = 0; a < dual; a++) {
            if (a > 0) {
                double kept = w_real - s * w_imag - s2 * w_real;
                w_imag = w_imag + s * w_real - s2 * w_imag;
                w_real = kept;
            }
            for (int64_t b = 0; b < n; b += 2 * dual) {
                int64_t i = 2 * (b + a), j = 2 * (b + a + dual);
                double z_real = data[j], z_imag = data[j + 1];
                double d_real = w_real * z_real - w_imag * z_imag, d_imag = w_real * z_imag + w_imag * z_real;
                data[j] = data[i] - d_real;
                data[j + 1] = data[i + 1] - d_imag;
                data[i] += d_real;
                data[i + 1] += d_imag;
            }
        }
    }
}

void there_and_back(double *data, int64_t n, int64_t rounds) {
    for (int64_t round = 0; round < rounds; round++) {
        transform(data, n, -1.0);
        transform(data, n, 1.0);
        double norm = 1.0 / n;
        for (int64_t i = 0; i < 2 * n; i++) data[i] *= norm;
    }
    transform(data, n, -1.0);
}
