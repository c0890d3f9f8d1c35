"""Sums over typed memory: an array.array of floats, a memoryview of integers."""

from array import array
from ctypes import c_double, c_int64

from benchmarks.numeric.inputs import random_floats, random_integers
from benchmarks.numeric.kernel import C, Kernel, Numba
from benchmarks.numeric.native import view


def sum_array(data):
    total = 0.0
    for value in data:
        total += value
    return total


def sum_memoryview(data):
    total = 0
    for i in range(len(data)):
        total += data[i]
    return total


KERNELS = [
    Kernel(
        "sum_array",
        (sum_array,),
        lambda size: (array("d", random_floats(1000)) * (size // 1000),),
        size=20_000_000,
        tiny=1000,
        c=C("sums", lambda library, data: library.call("sum_doubles", c_double, view(data), len(data))),
    ),
    Kernel(
        "sum_memoryview",
        (sum_memoryview,),
        lambda size: (memoryview(array("q", random_integers(1000, 1_000_000)) * (size // 1000)),),
        size=7_000_000,
        tiny=1000,
        c=C("sums", lambda library, data: library.call("sum_int64s", c_int64, view(data, c_int64), len(data))),
        numba=Numba(
            note="the same source; it wraps around where Python's integers grow, which this sum does not reach"
        ),
    ),
]
