"""Black and Scholes' prices of options: logarithms, exponentials, error functions."""

import math
from ctypes import c_double

from benchmarks.numeric.inputs import as_arrays, random_floats
from benchmarks.numeric.kernel import C, Kernel, Numba
from benchmarks.numeric.native import doubles


def normal_cdf(x):
    return 0.5 * (1.0 + math.erf(x / math.sqrt(2.0)))


def black_scholes(spots, strikes, years, rate, volatility):
    total = 0.0
    for i in range(len(spots)):
        spot = spots[i]
        strike = strikes[i]
        time = years[i]
        spread = volatility * math.sqrt(time)
        d1 = (math.log(spot / strike) + (rate + 0.5 * volatility**2) * time) / spread
        d2 = d1 - spread
        discounted = strike * math.exp(-rate * time)
        call = spot * normal_cdf(d1) - discounted * normal_cdf(d2)
        put = discounted * normal_cdf(-d2) - spot * normal_cdf(-d1)
        total += call + put
    return total


def options(size):
    return (
        random_floats(size, 1, 10.0, 50.0),
        random_floats(size, 2, 10.0, 50.0),
        random_floats(size, 3, 0.5, 2.0),
        0.03,
        0.25,
    )


def prepare(library, spots, strikes, years, rate, volatility):
    arrays = doubles(spots), doubles(strikes), doubles(years)
    return library.call("black_scholes", c_double, *arrays, len(spots), rate, volatility)


KERNELS = [
    Kernel(
        "black_scholes",
        (black_scholes, normal_cdf),
        options,
        size=700_000,
        tiny=10,
        c=C("black_scholes", prepare),
        numba=Numba(arguments=as_arrays, note="arrays in place of the lists"),
    )
]
