"""Heat on a plate, on NumPy arrays, item by item."""

import numpy as np

from benchmarks.numeric.inputs import random_matrix
from benchmarks.numeric.kernel import C, Kernel
from benchmarks.numeric.native import view


def jacobi(grid, steps):
    height, width = grid.shape
    other = grid.copy()
    for _ in range(steps):
        for i in range(1, height - 1):
            for j in range(1, width - 1):
                other[i, j] = 0.25 * (grid[i - 1, j] + grid[i + 1, j] + grid[i, j - 1] + grid[i, j + 1])
        grid, other = other, grid
    return grid


def prepare(library, grid, steps):
    other = grid.copy()
    sides = grid, other
    return library.call("jacobi", None, view(grid), view(other), *grid.shape, steps, answer=lambda _: sides[steps % 2])


KERNELS = [
    Kernel(
        "stencil_numpy",
        (jacobi,),
        lambda size: (np.array(random_matrix(size, size)), 51),
        size=130,
        tiny=5,
        changes_arguments=True,
        c=C("stencil", prepare),
    )
]
