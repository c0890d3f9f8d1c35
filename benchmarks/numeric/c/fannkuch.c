#include <stdint.h>
#include <string.h>

int64_t fannkuch(int64_t n) {
    int64_t order[16], flipped[16], count[16] = {0};
    int64_t most = 0, checksum = 0, number = 0, r = n;
    for (int64_t i = 0; i < n; i++) order[i] = i;
    for (;;) {
        for (; r != 1; r--) count[r - 1] = r;
        memcpy(flipped, order, n * sizeof(int64_t));
        int64_t flips = 0, first;
        while ((first = flipped[0]) != 0) {
            for (int64_t i = 0, j = first; i < j; i++, j--) {
                int64_t kept = flipped[i];
                flipped[i] = flipped[j];
                flipped[j] = kept;
            }
            flips++;
        }
        if (flips > most) most = flips;
        checksum += number % 2 == 0 ? flips : -flips;
        for (;;) {
            if (r == n) return checksum * 1000 + most;
            int64_t moved = order[0];
            for (int64_t i = 0; i < r; i++) order[i] = order[i + 1];
            order[r] = moved;
            if (--count[r] > 0) break;
            r++;
        }
        number++;
    }
}
