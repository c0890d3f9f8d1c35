#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

int64_t edit_distance(const char *a, int64_t a_length, const char *b, int64_t b_length) {
    int64_t *previous = malloc((b_length + 1) * sizeof(int64_t)), *current = malloc((b_length + 1) * sizeof(int64_t));
    for (int64_t j = 0; j <= b_length; j++) previous[j] = j;
    for (int64_t i = 1; i <= a_length; i++) {
        current[0] = i;
        for (int64_t j = 1; j <= b_length; j++)
            current[j] = a[i - 1] == b[j - 1]
                             ? previous[j - 1]
                             : 1 + least(least(previous[j], current[j - 1]), previous[j - 1]);
        int64_t *kept = previous;
        previous = current;
        current = kept;
    }
    int64_t distance = previous[b_length];
    free(previous);
    free(current);
    return distance;
}

int64_t scan(const char *text, int64_t length) {
    int64_t words = 0, vowels = 0;
    int inside = 0;
    for (int64_t i = 0; i < length; i++) {
        char letter = text[i];
        if (letter == ' ' || letter == '\n') {
            inside = 0;
        } else {
            words += !inside;
            inside = 1;
            if (memchr("aeiouAEIOU", letter, 10)) vowels++;
        }
    }
    return words * 10000000 + vowels;
}

int64_t fnv_hash(const char *text, int64_t length) {
    int64_t value = 2166136261;
    for (int64_t i = 0; i < length; i++) value = ((value ^ (unsigned char)text[i]) * 16777619) & 0xFFFFFFFF;
    return value;
}
