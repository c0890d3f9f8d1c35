"""The Mandelbrot set with floats for the two parts, and a Julia set with complex numbers."""

from ctypes import c_int64

from benchmarks.numeric.kernel import C, Kernel


def mandelbrot(size, limit):
    total = 0
    for row in range(size):
        ci = 2.0 * row / size - 1.0
        for column in range(size):
            cr = 3.0 * column / size - 2.0
            zr = 0.0
            zi = 0.0
            for iteration in range(limit):
                rr = zr * zr
                ii = zi * zi
                if rr + ii > 4.0:
                    total += iteration
                    break
                zi = 2.0 * zr * zi + ci
                zr = rr - ii + cr
            else:
                total += limit
    return total


def julia(size, limit, c):
    total = 0
    for row in range(size):
        for column in range(size):
            z = complex(3.0 * column / size - 1.5, 3.0 * row / size - 1.5)
            steps = 0
            while steps < limit and abs(z) <= 2.0:
                z = z * z + c
                steps += 1
            total += steps
    return total


KERNELS = [
    Kernel(
        "mandelbrot",
        (mandelbrot,),
        lambda size: (size, 100),
        size=400,
        tiny=8,
        c=C("mandelbrot", lambda library, size, limit: library.call("mandelbrot", c_int64, size, limit)),
    ),
    Kernel(
        "julia_complex",
        (julia,),
        lambda size: (size, 100, -0.745 + 0.113j),
        size=400,
        tiny=8,
        c=C(
            "mandelbrot",
            lambda library, size, limit, c: library.call("julia", c_int64, size, limit, c.real, c.imag),
        ),
    ),
]
