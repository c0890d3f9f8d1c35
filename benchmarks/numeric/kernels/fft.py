"""SciMark's FFT: complex numbers as pairs in one list of floats, there and back."""

import math

from benchmarks.numeric.inputs import as_arrays, first_argument, random_floats
from benchmarks.numeric.kernel import C, Kernel, Numba
from benchmarks.numeric.native import doubles


def bit_reverse(data):
    n = len(data) // 2
    j = 0
    for i in range(n - 1):
        if i < j:
            data[2 * i], data[2 * j] = data[2 * j], data[2 * i]
            data[2 * i + 1], data[2 * j + 1] = data[2 * j + 1], data[2 * i + 1]
        k = n >> 1
        while k <= j:
            j -= k
            k >>= 1
        j += k


def transform(data, direction):
    n = len(data) // 2
    bit_reverse(data)
    dual = 1
    while dual < n:
        theta = direction * math.pi / dual
        s = math.sin(theta)
        t = math.sin(theta / 2.0)
        s2 = 2.0 * t * t
        w_real = 1.0
        w_imag = 0.0
        for a in range(dual):
            if a > 0:
                kept = w_real - s * w_imag - s2 * w_real
                w_imag = w_imag + s * w_real - s2 * w_imag
                w_real = kept
            for b in range(0, n, 2 * dual):
                i = 2 * (b + a)
                j = 2 * (b + a + dual)
                z_real = data[j]
                z_imag = data[j + 1]
                d_real = w_real * z_real - w_imag * z_imag
                d_imag = w_real * z_imag + w_imag * z_real
                data[j] = data[i] - d_real
                data[j + 1] = data[i + 1] - d_imag
                data[i] += d_real
                data[i + 1] += d_imag
        dual *= 2


def there_and_back(data, rounds):
    for _ in range(rounds):
        transform(data, -1.0)
        transform(data, 1.0)
        norm = 1.0 / (len(data) // 2)
        for i in range(len(data)):
            data[i] *= norm
    transform(data, -1.0)


def prepare(library, data, rounds):
    values = doubles(data)
    return library.call("there_and_back", None, values, len(data) // 2, rounds, answer=lambda _: values)


KERNELS = [
    Kernel(
        "fft",
        (there_and_back, transform, bit_reverse),
        lambda size: (random_floats(2 << size), 6),
        size=14,
        tiny=3,
        changes_arguments=True,
        c=C("fft", prepare),
        numba=Numba(arguments=as_arrays, note="an array in place of the list"),
        answer=first_argument,
    )
]
