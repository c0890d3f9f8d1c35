"""The sieve of Eratosthenes, on a bytearray and on a list of bool."""

import contextlib
from ctypes import c_int64

from benchmarks.numeric.kernel import C, Kernel, Numba

with contextlib.suppress(ImportError):
    import numpy as np  # only Numba's form needs it


def sieve_bytearray(limit):
    prime = bytearray([1]) * (limit + 1)
    count = 0
    for number in range(2, limit + 1):
        if prime[number]:
            count += 1
            for multiple in range(number * number, limit + 1, number):
                prime[multiple] = 0
    return count


def sieve_of_array(limit):
    prime = np.ones(limit + 1, np.uint8)
    count = 0
    for number in range(2, limit + 1):
        if prime[number]:
            count += 1
            multiple = number * number
            while multiple <= limit:
                prime[multiple] = 0
                multiple += number
    return count


def sieve_bools(limit):
    prime = [True] * (limit + 1)
    count = 0
    for number in range(2, limit + 1):
        if prime[number]:
            count += 1
            for multiple in range(number * number, limit + 1, number):
                prime[multiple] = False
    return count


def prepare(library, limit):
    return library.call("sieve", c_int64, limit)


KERNELS = [
    Kernel(
        "sieve_bytearray",
        (sieve_bytearray,),
        lambda size: (size,),
        size=4_000_000,
        tiny=50,
        c=C("sieve", prepare),
        numba=Numba(
            replacements={"sieve_bytearray": sieve_of_array},
            note="numpy.ones in place of the bytearray, which it cannot make; while in place of range: faster",
        ),
    ),
    Kernel(
        "sieve_bools",
        (sieve_bools,),
        lambda size: (size,),
        size=4_000_000,
        tiny=50,
        c=C("sieve", prepare),
    ),
]
