"""Functions that mostly call themselves."""

from ctypes import c_int64

from benchmarks.numeric.kernel import C, Kernel


def fib(n):
    if n < 2:
        return n
    return fib(n - 1) + fib(n - 2)


def tak(x, y, z):
    if y >= x:
        return z
    return tak(tak(x - 1, y, z), tak(y - 1, z, x), tak(z - 1, x, y))


def ackermann(m, n):
    if m == 0:
        return n + 1
    if n == 0:
        return ackermann(m - 1, 1)
    return ackermann(m - 1, ackermann(m, n - 1))


def ackermann_repeated(m, n, rounds):
    total = 0
    for _ in range(rounds):
        total += ackermann(m, n)
    return total


KERNELS = [
    Kernel(
        "fib",
        (fib,),
        lambda size: (size,),
        size=34,
        tiny=8,
        c=C("recursion", lambda library, n: library.call("fib", c_int64, n)),
    ),
    Kernel(
        "tak",
        (tak,),
        lambda size: (size, size * 2 // 3, size // 3),
        size=27,
        tiny=6,
        c=C("recursion", lambda library, x, y, z: library.call("tak", c_int64, x, y, z)),
    ),
    Kernel(
        # Its depth stays below the recursion limit's default.
        "ackermann",
        (ackermann_repeated, ackermann),
        lambda size: (3, size, 20),
        size=6,
        tiny=2,
        c=C("recursion", lambda library, m, n, rounds: library.call("ackermann_repeated", c_int64, m, n, rounds)),
    ),
]
