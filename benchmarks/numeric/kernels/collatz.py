"""The start below a limit from which Collatz's sequence is longest."""

from ctypes import c_int64

from benchmarks.numeric.kernel import C, Kernel


def longest_collatz(limit):
    best = 0
    longest = 0
    for start in range(1, limit):
        number = start
        length = 1
        while number != 1:
            number = number // 2 if number % 2 == 0 else 3 * number + 1
            length += 1
        if length > longest:
            best = start
            longest = length
    return best * 1000 + longest


KERNELS = [
    Kernel(
        "collatz",
        (longest_collatz,),
        lambda size: (size,),
        size=80_000,
        tiny=30,
        c=C("collatz", lambda library, limit: library.call("longest_collatz", c_int64, limit)),
    )
]
