"""What a round of a hot loop does in optimized code: a change that makes it more fails here, without a clock.

The figures are those of the code as it is. Lower them when it becomes better; a higher one wants a reason.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator

import justjit
import pytest

from benchmarks.numeric.kernel import kernel_in
from tests.hot_loops import innermost_loops
from tests.numeric_kernels import anew

CALLS = 40

KEYS = ("calls", "boxes", "references", "guards", "memory")

# Module and kernel, size, function, a statement of the loop; at most so many calls of the runtime, numbers boxed, changes
# of reference counts, guards and checked operations, loads and stores.
KERNELS = [
    ("sor", "sor", 30, "sor", "row[j] = quarter *", (0, 0, 0, 0, 6)),
    ("lu", "lu", 30, "lu_factor", "if size > largest:", (0, 0, 0, 3, 4)),
    ("stencil", "stencil_lists", 30, "jacobi", "other[i][j] =", (0, 0, 0, 0, 5)),
    ("matmul", "matmul_lists", 20, "matmul", "total += row[k] * b[k][j]", (0, 0, 0, 4, 5)),
    ("sparse", "sparse_matvec", 50, "sparse_times_vector", "total += x[columns[i]]", (0, 0, 0, 2, 3)),
    ("fft", "fft", 6, "transform", "data[j] = data[i] - d_real", (0, 0, 0, 8, 10)),
    ("spectral_norm", "spectral_norm", 30, "times", "total += element(i, j)", (0, 0, 0, 7, 1)),
    ("mandelbrot", "mandelbrot", 30, "mandelbrot", "if rr + ii > 4.0:", (0, 0, 0, 0, 0)),
    ("monte_carlo", "monte_carlo", 2000, "monte_carlo_pi", "inside += 1", (0, 0, 0, 1, 0)),
    ("sieve", "sieve_bytearray", 2000, "sieve_bytearray", "prime[multiple] = 0", (0, 0, 0, 1, 1)),
    ("sieve", "sieve_bools", 2000, "sieve_bools", "prime[multiple] = False", (0, 0, 0, 1, 1)),
    ("collatz", "collatz", 300, "longest_collatz", "length += 1", (0, 0, 0, 3, 0)),
    ("sorting", "shell_sort", 300, "shell_sort", "items[j] = items[j - gap]", (0, 0, 0, 3, 5)),
    ("sorting", "heap_sort", 300, "sift_down", "child = 2 * root + 1", (0, 0, 2, 13, 5)),
    ("knapsack", "knapsack", 30, "knapsack", "best[room] = candidate", (0, 0, 0, 3, 3)),
    ("strings", "string_hash", 500, "fnv_hash", "for letter in text:", (0, 0, 0, 0, 1)),
    ("vectors", "vectors", 300, "orbit", "if distance > farthest:", (0, 0, 0, 2, 0)),
    ("integers", "prime_count", 500, "is_prime", "divisor += 1", (0, 0, 0, 2, 0)),
    ("sums", "sum_array", 3000, "sum_array", "total += value", (0, 0, 0, 0, 1)),
    ("sums", "sum_memoryview", 3000, "sum_memoryview", "total += data[i]", (0, 0, 0, 1, 1)),
    ("stencil_numpy", "stencil_numpy", 30, "jacobi", "other[i, j] =", (0, 0, 0, 2, 5)),
    ("matmul_numpy", "matmul_numpy", 20, "matmul", "total += a[i, k] * b[k, j]", (0, 0, 0, 2, 2)),
    ("statistics_numpy", "running_stats", 2000, "running_statistics", "delta = value - mean", (0, 0, 0, 6, 1)),
    ("statistics_numpy", "moving_average", 2000, "moving_average", "if i >= window:", (0, 0, 0, 9, 3)),
]

# Versions of the loop, once there are too many, for all that is left: they box what they change.
GENERIC = {"lu": 1}


class Account:
    def __init__(self, balance: int) -> None:
        self.balance = balance

    def add(self, amount: int) -> int:
        self.balance += amount
        return self.balance


class Point:
    def __init__(self, x: float, y: float) -> None:
        self.x = x
        self.y = y

    def __add__(self, other: "Point") -> "Point":
        return Point(self.x + other.x, self.y + other.y)


ACCOUNTS = [Account(number) for number in range(50)]
POINTS = [(number * 0.5, number * 0.25) for number in range(50)]


def attribute_sum(rounds: int) -> int:
    total = 0
    for _ in range(rounds):
        for account in ACCOUNTS:
            total += account.balance
    return total


def method_calls(rounds: int) -> int:
    account = Account(0)
    for number in range(rounds):
        account.add(number)
    return account.balance


def new_instances(rounds: int) -> tuple[float, float]:
    here, step = Point(0.0, 0.0), Point(0.5, 0.25)
    for _ in range(rounds):
        here = here + step
    return here.x, here.y


def unpacking(rounds: int) -> float:
    total = 0.0
    for _ in range(rounds):
        for x, y in POINTS:
            total += x * y
    return total


def squares(limit: int) -> Iterator[int]:
    for number in range(limit):
        yield number * number


def generated(rounds: int) -> int:
    total = 0
    for square in squares(rounds):
        total += square
    return total


def boxing(rounds: int) -> list[float]:
    values = []
    for number in range(rounds):
        values.append(number * 0.5)
    return values


# As above: function, argument, statement, figures.
PROGRAMS: list[tuple[Callable[[int], object], int, str, tuple[int, ...]]] = [
    (attribute_sum, 100, "total += account.balance", (0, 0, 2, 5, 6)),
    (method_calls, 2000, "account.add(number)", (1, 0, 0, 7, 4)),
    (new_instances, 2000, "here = here + step", (0, 0, 0, 0, 0)),
    (unpacking, 100, "total += x * y", (0, 0, 0, 4, 4)),
    (generated, 2000, "total += square", (0, 0, 0, 2, 0)),
]


@pytest.fixture(autouse=True)
def _optimizing() -> Iterator[None]:
    with justjit.config(tier="optimizing", background=False, backend="cranelift"):
        yield


def check(function: types.FunctionType, statement: str, most: tuple[int, ...], generic: int = 0) -> None:
    """The versions of the loop do no more than that in a round, but for so many."""
    loops = innermost_loops(justjit.dump(function, "ir"))
    found = [loop for loop in loops if any(line.startswith(statement) for line in loop.statements)]
    slow = []
    for loop in found:
        if more := {key: loop.cost[key] for key, limit in zip(KEYS, most, strict=True) if loop.cost[key] > limit}:
            slow.append(f"{more} instead of {most}, calling {dict(loop.calls)}")
    assert len(found) > len(slow) <= generic, "\n".join(slow) or f"`{statement}` is in no innermost loop"


def settle(call: Callable[[], object], functions: list[types.FunctionType]) -> None:
    """Calls it until it is optimized, and sees to it that it stays so."""

    def left() -> int:
        counts = [justjit.stats(function).deopts for function in functions]
        # The garbage collector and the like are no fault of the code's.
        return sum(number for count in counts for why, number in count.items() if "pending" not in why)

    for _ in range(CALLS):
        call()
    before = left()
    for _ in range(CALLS // 2):
        call()
    assert left() == before, "the code is left again and again"


@pytest.mark.parametrize(
    ("module", "name", "size", "function", "statement", "most"),
    KERNELS,
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_kernels(module: str, name: str, size: int, function: str, statement: str, most: tuple[int, ...]) -> None:
    if module.endswith("_numpy"):
        pytest.importorskip("numpy")
    found = anew(module)
    kernel = kernel_in(found, name)
    functions = [one for one in kernel.functions if isinstance(one, types.FunctionType)]
    for one in kernel.functions:
        for method in [one] if isinstance(one, types.FunctionType) else vars(one).values():
            if isinstance(method, types.FunctionType):
                justjit.jit(method)
    settle(lambda: getattr(found, kernel.entry)(*kernel.arguments(size)), functions)
    check(getattr(found, function), statement, most, GENERIC.get(name, 0))


def hooked(function: Callable[[int], object]) -> types.FunctionType:
    """A copy whose code nobody has run, and all that it calls."""
    for method in (squares, *vars(Account).values(), *vars(Point).values()):
        if isinstance(method, types.FunctionType):
            justjit.jit(method)
    return justjit.jit(types.FunctionType(function.__code__.replace(), function.__globals__, function.__name__))


@pytest.mark.parametrize(
    ("function", "argument", "statement", "most"), PROGRAMS, ids=lambda each: getattr(each, "__name__", "")
)
def test_objects(function: Callable[[int], object], argument: int, statement: str, most: tuple[int, ...]) -> None:
    expected = function(argument)
    copy = hooked(function)
    assert copy(argument) == expected
    settle(lambda: copy(argument), [copy])
    check(copy, statement, most)


def test_a_loop_that_boxes_is_seen() -> None:
    """The figures are read off the loop, and not off something else."""
    copy = hooked(boxing)
    settle(lambda: copy(500), [copy])
    with pytest.raises(AssertionError, match="'boxes': 1"):
        check(copy, "values.append", (9, 0, 9, 9, 9))
