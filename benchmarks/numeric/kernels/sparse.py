"""SciMark's sparse matrix times a vector, in compressed rows, on lists."""

from benchmarks.numeric.inputs import as_arrays, first_argument, random_floats, random_integers
from benchmarks.numeric.kernel import C, Kernel, Numba
from benchmarks.numeric.native import doubles, int64s

PER_ROW = 5


def sparse_times_vector(y, values, starts, columns, x, rounds):
    for _ in range(rounds):
        for row in range(len(y)):
            total = 0.0
            for i in range(starts[row], starts[row + 1]):
                total += x[columns[i]] * values[i]
            y[row] = total


def problem(size):
    count = size * PER_ROW
    columns = random_integers(count, size)
    return [0.0] * size, random_floats(count), list(range(0, count + 1, PER_ROW)), columns, random_floats(size, 2), 100


def prepare(library, y, values, starts, columns, x, rounds):
    out = doubles(y)
    arguments = out, doubles(values), int64s(starts), int64s(columns), doubles(x), len(y), rounds
    return library.call("sparse_times_vector", None, *arguments, answer=lambda _: out)


KERNELS = [
    Kernel(
        "sparse_matvec",
        (sparse_times_vector,),
        problem,
        size=10_000,
        tiny=8,
        changes_arguments=True,
        c=C("sparse", prepare),
        numba=Numba(arguments=as_arrays, note="arrays in place of the lists"),
        answer=first_argument,
    )
]
