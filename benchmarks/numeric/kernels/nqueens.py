"""Queens on a board, counted by recursion on bit sets."""

from ctypes import c_int64

from benchmarks.numeric.kernel import C, Kernel


def place(columns, left, right, full):
    if columns == full:
        return 1
    count = 0
    free = full & ~(columns | left | right)
    while free:
        bit = free & -free
        free ^= bit
        count += place(columns | bit, (left | bit) << 1, (right | bit) >> 1, full)
    return count


def queens(n):
    return place(0, 0, 0, (1 << n) - 1)


KERNELS = [
    Kernel(
        "nqueens",
        (queens, place),
        lambda size: (size,),
        size=12,
        tiny=5,
        c=C("nqueens", lambda library, n: library.call("queens", c_int64, n)),
    )
]
