#include <stdint.h>

int64_t fib(int64_t n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

int64_t tak(int64_t x, int64_t y, int64_t z) {
    return y >= x ? z : tak(tak(x - 1, y, z), tak(y - 1, z, x), tak(z - 1, x, y));
}

static int64_t ackermann(int64_t m, int64_t n) {
    if (m == 0) return n + 1;
    if (n == 0) return ackermann(m - 1, 1);
    return ackermann(m - 1, ackermann(m, n - 1));
}

int64_t ackermann_repeated(int64_t m, int64_t n, int64_t rounds) {
    int64_t total = 0;
    for (int64_t round = 0; round < rounds; round++) total += ackermann(m, n);
    return total;
}
