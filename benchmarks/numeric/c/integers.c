#include <stdint.h>

static int64_t gcd(int64_t a, int64_t b) {
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

int64_t gcd_sum(int64_t limit) {
    int64_t total = 0;
    for (int64_t a = 1; a < limit; a++)
        for (int64_t b = 1; b < a; b++) total += gcd(a, b);
    return total;
}

static int64_t power(int64_t base, int64_t exponent, int64_t modulus) {
    int64_t result = 1;
    base %= modulus;
    while (exponent > 0) {
        if (exponent & 1) result = result * base % modulus;
        base = base * base % modulus;
        exponent >>= 1;
    }
    return result;
}

int64_t power_sum(int64_t count, int64_t modulus) {
    int64_t total = 0;
    for (int64_t base = 2; base < count; base++) total = (total + power(base, modulus - 2, modulus)) % modulus;
    return total;
}

static int is_prime(int64_t number) {
    if (number < 2) return 0;
    for (int64_t divisor = 2; divisor * divisor <= number; divisor++)
        if (number % divisor == 0) return 0;
    return 1;
}

int64_t count_primes(int64_t limit) {
    int64_t count = 0;
    for (int64_t number = 0; number < limit; number++) count += is_prime(number);
    return count;
}
