"""π from points in the unit square, with a linear congruential generator of its own."""

from ctypes import c_double

from benchmarks.numeric.kernel import C, Kernel


def next_seed(seed):
    return (seed * 1103515245 + 12345) & 0x7FFFFFFF


def monte_carlo_pi(samples, seed):
    inside = 0
    for _ in range(samples):
        seed = next_seed(seed)
        x = seed / 2147483648.0
        seed = next_seed(seed)
        y = seed / 2147483648.0
        if x * x + y * y <= 1.0:
            inside += 1
    return 4.0 * inside / samples


KERNELS = [
    Kernel(
        "monte_carlo",
        (monte_carlo_pi, next_seed),
        lambda size: (size, 42),
        size=1_500_000,
        tiny=50,
        c=C("monte_carlo", lambda library, samples, seed: library.call("monte_carlo_pi", c_double, samples, seed)),
    )
]
