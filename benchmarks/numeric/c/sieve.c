#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int64_t sieve(int64_t limit) {
    uint8_t *prime = malloc(limit + 1);
    memset(prime, 1, limit + 1);
    int64_t count = 0;
    for (int64_t number = 2; number <= limit; number++)
        if (prime[number]) {
            count++;
            for (int64_t multiple = number * number; multiple <= limit; multiple += number) prime[multiple] = 0;
        }
    free(prime);
    return count;
}
