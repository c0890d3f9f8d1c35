"""The product of two matrices that are lists of lists."""

import contextlib

from benchmarks.numeric.inputs import as_arrays, random_matrix
from benchmarks.numeric.kernel import C, Kernel, Numba
from benchmarks.numeric.native import doubles, matrix

with contextlib.suppress(ImportError):
    import numpy as np  # only Numba's form needs it


def matmul(a, b):
    inner = len(b)
    columns = len(b[0])
    product = []
    for row in a:
        out = [0.0] * columns
        for j in range(columns):
            total = 0.0
            for k in range(inner):
                total += row[k] * b[k][j]
            out[j] = total
        product.append(out)
    return product


def matmul_of_arrays(a, b):
    inner = len(b)
    columns = len(b[0])
    product = np.zeros((len(a), columns))
    for i in range(len(a)):
        row = a[i]
        out = product[i]
        for j in range(columns):
            total = 0.0
            for k in range(inner):
                total += row[k] * b[k][j]
            out[j] = total
    return product


def prepare(library, a, b):
    out = doubles([0.0] * (len(a) * len(b[0])))
    sizes = len(a), len(b), len(b[0])
    return library.call("matmul", None, out, matrix(a), matrix(b), *sizes, answer=lambda _: out)


KERNELS = [
    Kernel(
        "matmul_lists",
        (matmul,),
        lambda size: (random_matrix(size, size, 1), random_matrix(size, size, 2)),
        size=230,
        tiny=4,
        c=C("matmul", prepare),
        numba=Numba(
            arguments=as_arrays,
            replacements={"matmul": matmul_of_arrays},
            note="2-D arrays in place of the lists of lists, the product made by numpy.zeros",
        ),
    )
]
