"""The product of two NumPy arrays, item by item."""

import numpy as np

from benchmarks.numeric.inputs import random_matrix
from benchmarks.numeric.kernel import C, Kernel
from benchmarks.numeric.native import doubles, view


def matmul(a, b):
    rows, inner = a.shape
    columns = b.shape[1]
    product = np.zeros((rows, columns))
    for i in range(rows):
        for j in range(columns):
            total = 0.0
            for k in range(inner):
                total += a[i, k] * b[k, j]
            product[i, j] = total
    return product


def prepare(library, a, b):
    out = doubles([0.0] * (len(a) * len(b[0])))
    return library.call("matmul", None, out, view(a), view(b), *a.shape, b.shape[1], answer=lambda _: out)


KERNELS = [
    Kernel(
        "matmul_numpy",
        (matmul,),
        lambda size: (np.array(random_matrix(size, size, 1)), np.array(random_matrix(size, size, 2))),
        size=130,
        tiny=4,
        c=C("matmul", prepare),
    )
]
