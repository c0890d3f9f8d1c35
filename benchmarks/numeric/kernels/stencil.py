"""Heat on a plate: each point becomes the mean of its neighbours (Jacobi's method), on lists of lists."""

from benchmarks.numeric.inputs import as_arrays, random_matrix
from benchmarks.numeric.kernel import C, Kernel, Numba
from benchmarks.numeric.native import matrix


def jacobi(grid, other, steps):
    height = len(grid)
    width = len(grid[0])
    for _ in range(steps):
        for i in range(1, height - 1):
            for j in range(1, width - 1):
                other[i][j] = 0.25 * (grid[i - 1][j] + grid[i + 1][j] + grid[i][j - 1] + grid[i][j + 1])
        grid, other = other, grid
    return grid


def prepare(library, grid, other, steps):
    sides = matrix(grid), matrix(other)
    sizes = len(grid), len(grid[0]), steps
    return library.call("jacobi", None, *sides, *sizes, answer=lambda _: sides[steps % 2])


def plate(size):
    grid = random_matrix(size, size)
    return grid, [list(row) for row in grid], 51


KERNELS = [
    Kernel(
        "stencil_lists",
        (jacobi,),
        plate,
        size=280,
        tiny=5,
        changes_arguments=True,
        c=C("stencil", prepare),
        numba=Numba(arguments=as_arrays, note="2-D arrays in place of the lists of lists"),
    )
]
