"""The Benchmarks Game's fannkuch: flips of all permutations."""

from ctypes import c_int64

from benchmarks.numeric.kernel import C, Kernel


def fannkuch(n):
    order = list(range(n))
    count = [0] * n
    most = 0
    checksum = 0
    number = 0
    r = n
    while True:
        while r != 1:
            count[r - 1] = r
            r -= 1
        flipped = order[:]
        flips = 0
        first = flipped[0]
        while first != 0:
            i = 0
            j = first
            while i < j:
                flipped[i], flipped[j] = flipped[j], flipped[i]
                i += 1
                j -= 1
            flips += 1
            first = flipped[0]
        if flips > most:
            most = flips
        checksum += flips if number % 2 == 0 else -flips
        while True:
            if r == n:
                return checksum * 1000 + most
            moved = order[0]
            for i in range(r):
                order[i] = order[i + 1]
            order[r] = moved
            count[r] -= 1
            if count[r] > 0:
                break
            r += 1
        number += 1


KERNELS = [
    Kernel(
        "fannkuch",
        (fannkuch,),
        lambda size: (size,),
        size=9,
        tiny=4,
        c=C("fannkuch", lambda library, n: library.call("fannkuch", c_int64, n)),
    )
]
