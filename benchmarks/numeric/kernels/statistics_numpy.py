"""Statistics of a NumPy array of floats, item by item: in one pass (Welford's method), and over a moving window."""

from ctypes import c_double

import numpy as np

from benchmarks.numeric.inputs import random_floats
from benchmarks.numeric.kernel import C, Kernel
from benchmarks.numeric.native import doubles, view


def running_statistics(data):
    count = 0
    mean = 0.0
    squares = 0.0
    lowest = data[0]
    highest = data[0]
    for i in range(len(data)):
        value = data[i]
        count += 1
        delta = value - mean
        mean += delta / count
        squares += delta * (value - mean)
        if value < lowest:
            lowest = value
        if value > highest:
            highest = value
    return mean, squares / (count - 1), lowest, highest


def moving_average(data, window):
    out = np.zeros(len(data) - window + 1)
    total = 0.0
    for i in range(len(data)):
        total += data[i]
        if i >= window:
            total -= data[i - window]
        if i >= window - 1:
            out[i - window + 1] = total / window
    return out


def prepare_statistics(library, data):
    out = doubles([0.0] * 4)
    return library.call("running_statistics", None, view(data), len(data), out, answer=lambda _: out)


def prepare_average(library, data, window):
    out = (c_double * (len(data) - window + 1))()
    return library.call("moving_average", None, view(data), len(data), window, out, answer=lambda _: out)


KERNELS = [
    Kernel(
        "running_stats",
        (running_statistics,),
        lambda size: (np.array(random_floats(size)),),
        size=1_000_000,
        tiny=20,
        c=C("statistics", prepare_statistics),
    ),
    Kernel(
        "moving_average",
        (moving_average,),
        lambda size: (np.array(random_floats(size)), 10),
        size=1_000_000,
        tiny=20,
        c=C("statistics", prepare_average),
    ),
]
