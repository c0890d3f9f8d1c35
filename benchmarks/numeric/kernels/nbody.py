"""The Benchmarks Game's n-body: the outer planets, as objects with attributes and as lists of floats."""

import math
from ctypes import c_double

from benchmarks.numeric.kernel import C, Kernel, Numba
from benchmarks.numeric.native import matrix

DAYS = 365.24
SOLAR_MASS = 4 * math.pi**2


class Body:
    def __init__(self, x, y, z, vx, vy, vz, mass):
        self.x = x
        self.y = y
        self.z = z
        self.vx = vx
        self.vy = vy
        self.vz = vz
        self.mass = mass


def advance(bodies, dt):
    count = len(bodies)
    for i in range(count):
        a = bodies[i]
        for j in range(i + 1, count):
            b = bodies[j]
            dx = a.x - b.x
            dy = a.y - b.y
            dz = a.z - b.z
            squared = dx * dx + dy * dy + dz * dz
            magnitude = dt / (squared * math.sqrt(squared))
            a.vx -= dx * b.mass * magnitude
            a.vy -= dy * b.mass * magnitude
            a.vz -= dz * b.mass * magnitude
            b.vx += dx * a.mass * magnitude
            b.vy += dy * a.mass * magnitude
            b.vz += dz * a.mass * magnitude
    for body in bodies:
        body.x += dt * body.vx
        body.y += dt * body.vy
        body.z += dt * body.vz


def energy(bodies):
    total = 0.0
    for i in range(len(bodies)):
        a = bodies[i]
        total += 0.5 * a.mass * (a.vx * a.vx + a.vy * a.vy + a.vz * a.vz)
        for j in range(i + 1, len(bodies)):
            b = bodies[j]
            dx = a.x - b.x
            dy = a.y - b.y
            dz = a.z - b.z
            total -= a.mass * b.mass / math.sqrt(dx * dx + dy * dy + dz * dz)
    return total


def simulate(bodies, dt, steps):
    for _ in range(steps):
        advance(bodies, dt)
    return energy(bodies)


def simulate_lists(bodies, dt, steps):
    count = len(bodies)
    for _ in range(steps):
        for i in range(count):
            a = bodies[i]
            for j in range(i + 1, count):
                b = bodies[j]
                dx = a[0] - b[0]
                dy = a[1] - b[1]
                dz = a[2] - b[2]
                squared = dx * dx + dy * dy + dz * dz
                magnitude = dt / (squared * math.sqrt(squared))
                a[3] -= dx * b[6] * magnitude
                a[4] -= dy * b[6] * magnitude
                a[5] -= dz * b[6] * magnitude
                b[3] += dx * a[6] * magnitude
                b[4] += dy * a[6] * magnitude
                b[5] += dz * a[6] * magnitude
        for body in bodies:
            body[0] += dt * body[3]
            body[1] += dt * body[4]
            body[2] += dt * body[5]
    return energy_lists(bodies)


def energy_lists(bodies):
    total = 0.0
    for i in range(len(bodies)):
        a = bodies[i]
        total += 0.5 * a[6] * (a[3] * a[3] + a[4] * a[4] + a[5] * a[5])
        for j in range(i + 1, len(bodies)):
            b = bodies[j]
            dx = a[0] - b[0]
            dy = a[1] - b[1]
            dz = a[2] - b[2]
            total -= a[6] * b[6] / math.sqrt(dx * dx + dy * dy + dz * dz)
    return total


def planets():
    """Sun, Jupiter, Saturn, Uranus and Neptune, with the sun moving so that the momentum is zero."""
    found = [
        (4.84143144246472090, -1.16032004402742839, -0.103622044471123109,
         0.00166007664274403694, 0.00769901118419740425, -0.0000690460016972063023, 0.000954791938424326609),
        (8.34336671824457987, 4.12479856412430479, -0.403523417114321381,
         -0.00276742510726411029, 0.00499852801234917238, 0.0000230417297573763929, 0.000285885980666130812),
        (12.8943695621391310, -15.1111514016986312, -0.223307578892655734,
         0.00296460137564761618, 0.00237847173959480950, -0.0000296589568540237556, 0.0000436624404335156298),
        (15.3796971148509165, -25.9193146099879641, 0.179258772950371181,
         0.00268067772490389322, 0.00162824170038242295, -0.0000951592254519715870, 0.0000515138902046611451),
    ]  # fmt: skip
    moving = [[x, y, z, vx * DAYS, vy * DAYS, vz * DAYS, m * SOLAR_MASS] for x, y, z, vx, vy, vz, m in found]
    sun = [-sum(body[axis] * body[6] for body in moving) / SOLAR_MASS for axis in (3, 4, 5)]
    return [[0.0, 0.0, 0.0, *sun, SOLAR_MASS], *moving]


def as_array(bodies, dt, steps):
    import numpy

    return numpy.array(bodies), dt, steps


def as_typed_list(bodies, dt, steps):
    from numba.typed import List

    return List(bodies), dt, steps


KERNELS = [
    Kernel(
        "nbody_objects",
        (simulate, advance, energy, Body),
        lambda size: ([Body(*body) for body in planets()], 0.01, size),
        size=80_000,
        tiny=5,
        changes_arguments=True,
        c=C(
            "nbody",
            lambda library, bodies, dt, steps: library.call(
                "nbody", c_double, matrix([vars(body).values() for body in bodies]), len(bodies), dt, steps
            ),
        ),
        numba=Numba(
            arguments=as_typed_list,
            classes={"Body": ("x", "y", "z", "vx", "vy", "vz", "mass")},
            note="Body is a jitclass and the list a numba.typed.List",
        ),
    ),
    Kernel(
        "nbody_lists",
        (simulate_lists, energy_lists),
        lambda size: (planets(), 0.01, size),
        size=80_000,
        tiny=5,
        changes_arguments=True,
        c=C(
            "nbody",
            lambda library, bodies, dt, steps: library.call("nbody", c_double, matrix(bodies), len(bodies), dt, steps),
        ),
        numba=Numba(arguments=as_array, note="a 2-D array in place of the list of lists"),
    ),
]
