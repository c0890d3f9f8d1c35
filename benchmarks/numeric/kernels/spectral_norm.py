"""The Benchmarks Game's spectral norm of an infinite matrix's corner."""

import math
from ctypes import c_double

from benchmarks.numeric.kernel import C, Kernel


def element(i, j):
    return 1.0 / ((i + j) * (i + j + 1) // 2 + i + 1)


def times(v, out):
    for i in range(len(out)):
        total = 0.0
        for j in range(len(v)):
            total += element(i, j) * v[j]
        out[i] = total


def transposed_times(v, out):
    for i in range(len(out)):
        total = 0.0
        for j in range(len(v)):
            total += element(j, i) * v[j]
        out[i] = total


def spectral_norm(n):
    u = [1.0] * n
    v = [0.0] * n
    between = [0.0] * n
    for _ in range(10):
        times(u, between)
        transposed_times(between, v)
        times(v, between)
        transposed_times(between, u)
    uv = vv = 0.0
    for i in range(n):
        uv += u[i] * v[i]
        vv += v[i] * v[i]
    return math.sqrt(uv / vv)


KERNELS = [
    Kernel(
        "spectral_norm",
        (spectral_norm, element, times, transposed_times),
        lambda size: (size,),
        size=300,
        tiny=4,
        c=C("spectral_norm", lambda library, n: library.call("spectral_norm", c_double, n)),
    )
]
