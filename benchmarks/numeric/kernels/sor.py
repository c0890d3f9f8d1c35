"""SciMark's SOR: successive over-relaxation on a grid, in place."""

from benchmarks.numeric.inputs import as_arrays, first_argument, random_matrix
from benchmarks.numeric.kernel import C, Kernel, Numba
from benchmarks.numeric.native import matrix


def sor(grid, omega, sweeps):
    height = len(grid)
    width = len(grid[0])
    quarter = omega * 0.25
    keep = 1.0 - omega
    for _ in range(sweeps):
        for i in range(1, height - 1):
            row = grid[i]
            above = grid[i - 1]
            below = grid[i + 1]
            for j in range(1, width - 1):
                row[j] = quarter * (above[j] + below[j] + row[j - 1] + row[j + 1]) + keep * row[j]


def prepare(library, grid, omega, sweeps):
    cells = matrix(grid)
    return library.call("sor", None, cells, len(grid), len(grid[0]), omega, sweeps, answer=lambda _: cells)


KERNELS = [
    Kernel(
        "sor",
        (sor,),
        lambda size: (random_matrix(size, size), 1.25, 50),
        size=350,
        tiny=6,
        changes_arguments=True,
        c=C("sor", prepare),
        numba=Numba(arguments=as_arrays, note="a 2-D array in place of the list of lists"),
        answer=first_argument,
    )
]
