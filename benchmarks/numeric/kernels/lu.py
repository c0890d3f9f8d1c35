"""SciMark's LU: a dense matrix factored in place, with partial pivoting."""

from ctypes import c_int64

from benchmarks.numeric.inputs import as_arrays, random_matrix
from benchmarks.numeric.kernel import C, Kernel, Numba
from benchmarks.numeric.native import int64s, matrix


def swap_rows(a, i, j):
    a[i], a[j] = a[j], a[i]


def swap_rows_of_array(a, i, j):
    for k in range(a.shape[1]):
        a[i, k], a[j, k] = a[j, k], a[i, k]


def lu_factor(a, pivots):
    n = len(a)
    for j in range(n):
        best = j
        largest = abs(a[j][j])
        for i in range(j + 1, n):
            size = abs(a[i][j])
            if size > largest:
                best = i
                largest = size
        pivots[j] = best
        if a[best][j] == 0.0:
            return 1
        if best != j:
            swap_rows(a, j, best)
        reciprocal = 1.0 / a[j][j]
        for i in range(j + 1, n):
            a[i][j] *= reciprocal
        for i in range(j + 1, n):
            row = a[i]
            above = a[j]
            factor = row[j]
            for k in range(j + 1, n):
                row[k] -= factor * above[k]
    return 0


def prepare(library, a, pivots):
    rows, order = matrix(a), int64s(pivots)
    return library.call("lu_factor", c_int64, rows, order, len(a), answer=lambda status: (status, rows, order))


KERNELS = [
    Kernel(
        "lu",
        (lu_factor, swap_rows),
        lambda size: (random_matrix(size, size), [0] * size),
        size=340,
        tiny=6,
        changes_arguments=True,
        c=C("lu", prepare),
        numba=Numba(
            arguments=as_arrays,
            replacements={"swap_rows": swap_rows_of_array},
            note="a 2-D array, whose rows are swapped item by item, since a[i] is a view",
        ),
        answer=lambda status, arguments: (status, *arguments),
        tolerance=1e-6,
    )
]
