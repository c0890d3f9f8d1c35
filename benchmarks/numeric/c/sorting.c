#include <stdint.h>

static void swap(int64_t *items, int64_t i, int64_t j) {
    int64_t kept = items[i];
    items[i] = items[j];
    items[j] = kept;
}

void shell_sort(int64_t *items, int64_t count) {
    int64_t gap = 1;
    while (gap < count / 3) gap = 3 * gap + 1;
    for (; gap >= 1; gap /= 3)
        for (int64_t i = gap; i < count; i++) {
            int64_t item = items[i], j = i;
            for (; j >= gap && items[j - gap] > item; j -= gap) items[j] = items[j - gap];
            items[j] = item;
        }
}

static void sift_down(int64_t *items, int64_t root, int64_t end) {
    int64_t item = items[root];
    while (2 * root + 1 < end) {
        int64_t child = 2 * root + 1;
        if (child + 1 < end && items[child] < items[child + 1]) child++;
        if (item >= items[child]) break;
        items[root] = items[child];
        root = child;
    }
    items[root] = item;
}

void heap_sort(int64_t *items, int64_t count) {
    for (int64_t root = count / 2 - 1; root >= 0; root--) sift_down(items, root, count);
    for (int64_t end = count - 1; end > 0; end--) {
        swap(items, 0, end);
        sift_down(items, 0, end);
    }
}

static void quick_sort_between(int64_t *items, int64_t low, int64_t high) {
    if (low >= high) return;
    int64_t pivot = items[(low + high) / 2], i = low, j = high;
    while (i <= j) {
        while (items[i] < pivot) i++;
        while (items[j] > pivot) j--;
        if (i <= j) swap(items, i++, j--);
    }
    quick_sort_between(items, low, j);
    quick_sort_between(items, i, high);
}

void quick_sort(int64_t *items, int64_t count) { quick_sort_between(items, 0, count - 1); }
