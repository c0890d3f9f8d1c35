"""Three ways of sorting a list of integers in place."""

from benchmarks.numeric.inputs import as_arrays, first_argument, random_integers
from benchmarks.numeric.kernel import C, Kernel, Numba
from benchmarks.numeric.native import int64s


def shell_sort(items):
    gap = 1
    while gap < len(items) // 3:
        gap = 3 * gap + 1
    while gap >= 1:
        for i in range(gap, len(items)):
            item = items[i]
            j = i
            while j >= gap and items[j - gap] > item:
                items[j] = items[j - gap]
                j -= gap
            items[j] = item
        gap //= 3


def sift_down(items, root, end):
    item = items[root]
    while 2 * root + 1 < end:
        child = 2 * root + 1
        if child + 1 < end and items[child] < items[child + 1]:
            child += 1
        if item >= items[child]:
            break
        items[root] = items[child]
        root = child
    items[root] = item


def heap_sort(items):
    count = len(items)
    for root in range(count // 2 - 1, -1, -1):
        sift_down(items, root, count)
    for end in range(count - 1, 0, -1):
        items[0], items[end] = items[end], items[0]
        sift_down(items, 0, end)


def quick_sort_between(items, low, high):
    if low >= high:
        return
    pivot = items[(low + high) // 2]
    i = low
    j = high
    while i <= j:
        while items[i] < pivot:
            i += 1
        while items[j] > pivot:
            j -= 1
        if i <= j:
            items[i], items[j] = items[j], items[i]
            i += 1
            j -= 1
    quick_sort_between(items, low, j)
    quick_sort_between(items, i, high)


def quick_sort(items):
    quick_sort_between(items, 0, len(items) - 1)


def sorting(name, functions, size):
    def prepare(library, items):
        numbers = int64s(items)
        return library.call(name, None, numbers, len(items), answer=lambda _: numbers)

    return Kernel(
        name,
        functions,
        lambda size: (random_integers(size, 1_000_000),),
        size=size,
        tiny=20,
        changes_arguments=True,
        c=C("sorting", prepare),
        numba=Numba(arguments=as_arrays, note="an array in place of the list"),
        answer=first_argument,
    )


KERNELS = [
    sorting("shell_sort", (shell_sort,), 150_000),
    sorting("heap_sort", (heap_sort, sift_down), 150_000),
    sorting("quick_sort", (quick_sort, quick_sort_between), 300_000),
]
