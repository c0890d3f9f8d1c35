"""A satellite's orbit with vectors that are objects."""

import math
from ctypes import c_double

from benchmarks.numeric.kernel import C, Kernel, Numba


class Vec:
    def __init__(self, x, y, z):
        self.x = x
        self.y = y
        self.z = z

    def __add__(self, other):
        return Vec(self.x + other.x, self.y + other.y, self.z + other.z)

    def __sub__(self, other):
        return Vec(self.x - other.x, self.y - other.y, self.z - other.z)

    def scaled(self, factor):
        return Vec(self.x * factor, self.y * factor, self.z * factor)

    def dot(self, other):
        return self.x * other.x + self.y * other.y + self.z * other.z

    def length(self):
        return math.sqrt(self.dot(self))


def orbit(steps, dt):
    position = Vec(1.0, 0.0, 0.1)
    velocity = Vec(0.0, 1.0, 0.05)
    centre = Vec(0.0, 0.0, 0.0)
    farthest = 0.0
    for _ in range(steps):
        towards = centre - position
        distance = towards.length()
        velocity = velocity + towards.scaled(dt / (distance * distance * distance))
        position = position + velocity.scaled(dt)
        if distance > farthest:
            farthest = distance
    return farthest + position.dot(velocity)


KERNELS = [
    Kernel(
        "vectors",
        (orbit, Vec),
        lambda size: (size, 0.001),
        size=400_000,
        tiny=10,
        c=C("vectors", lambda library, steps, dt: library.call("orbit", c_double, steps, dt)),
        numba=Numba(classes={"Vec": ("x", "y", "z")}, note="Vec is a jitclass"),
    )
]
