#include <stdint.h>

int64_t longest_collatz(int64_t limit) {
    int64_t best = 0, longest = 0;
    for (int64_t start = 1; start < limit; start++) {
        int64_t number = start, length = 1;
        while (number != 1) {
            number = number % 2 == 0 ? number / 2 : 3 * number + 1;
            length++;
        }
        if (length > longest) {
            best = start;
            longest = length;
        }
    }
    return best * 1000 + longest;
}
