#include <stdint.h>
#include <stdlib.h>

int64_t knapsack(const int64_t *values, const int64_t *weights, int64_t count, int64_t capacity) {
    int64_t *best = calloc(capacity + 1, sizeof(int64_t));
    for (int64_t item = 0; item < count; item++) {
        int64_t value = values[item], weight = weights[item];
        for (int64_t room = capacity; room >= weight; room--) {
            int64_t candidate = best[room - weight] + value;
            if (candidate > best[room]) best[room] = candidate;
        }
    }
    int64_t result = best[capacity];
    free(best);
    return result;
}
