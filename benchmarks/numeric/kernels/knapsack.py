"""The 0/1 knapsack by dynamic programming, in one row."""

from ctypes import c_int64

from benchmarks.numeric.inputs import as_arrays, random_integers
from benchmarks.numeric.kernel import C, Kernel, Numba
from benchmarks.numeric.native import int64s


def knapsack(values, weights, capacity):
    best = [0] * (capacity + 1)
    for item in range(len(values)):
        value = values[item]
        weight = weights[item]
        for room in range(capacity, weight - 1, -1):
            candidate = best[room - weight] + value
            if candidate > best[room]:
                best[room] = candidate
    return best[capacity]


def prepare(library, values, weights, capacity):
    return library.call("knapsack", c_int64, int64s(values), int64s(weights), len(values), capacity)


KERNELS = [
    Kernel(
        "knapsack",
        (knapsack,),
        lambda size: (random_integers(size, 1000, 1), [1 + w for w in random_integers(size, 100, 2)], 50 * size // 2),
        size=500,
        tiny=5,
        c=C("knapsack", prepare),
        numba=Numba(arguments=as_arrays, note="arrays in place of the lists that are passed"),
    )
]
