"""Loops over integers: greatest common divisors, modular powers, primes by trial division."""

from ctypes import c_int64

from benchmarks.numeric.kernel import C, Kernel


def gcd(a, b):
    while b:
        a, b = b, a % b
    return a


def gcd_sum(limit):
    total = 0
    for a in range(1, limit):
        for b in range(1, a):
            total += gcd(a, b)
    return total


def power(base, exponent, modulus):
    result = 1
    base %= modulus
    while exponent > 0:
        if exponent & 1:
            result = result * base % modulus
        base = base * base % modulus
        exponent >>= 1
    return result


def power_sum(count, modulus):
    total = 0
    for base in range(2, count):
        total = (total + power(base, modulus - 2, modulus)) % modulus
    return total


def is_prime(number):
    if number < 2:
        return False
    divisor = 2
    while divisor * divisor <= number:
        if number % divisor == 0:
            return False
        divisor += 1
    return True


def count_primes(limit):
    count = 0
    for number in range(limit):
        if is_prime(number):
            count += 1
    return count


KERNELS = [
    Kernel(
        "gcd",
        (gcd_sum, gcd),
        lambda size: (size,),
        size=2200,
        tiny=10,
        c=C("integers", lambda library, limit: library.call("gcd_sum", c_int64, limit)),
    ),
    Kernel(
        "modpow",
        (power_sum, power),
        lambda size: (size, 998_244_353),
        size=200_000,
        tiny=10,
        c=C("integers", lambda library, count, modulus: library.call("power_sum", c_int64, count, modulus)),
    ),
    Kernel(
        "prime_count",
        (count_primes, is_prime),
        lambda size: (size,),
        size=200_000,
        tiny=30,
        c=C("integers", lambda library, limit: library.call("count_primes", c_int64, limit)),
    ),
]
