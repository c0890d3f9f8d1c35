"""Timing that survives a noisy machine: the sides take turns, and the best and the median of many turns are kept."""

from __future__ import annotations

import gc
import math
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """The timings of one side, in seconds for one unit of work."""

    samples: tuple[float, ...]

    @property
    def best(self) -> float:
        return min(self.samples)

    @property
    def median(self) -> float:
        return statistics.median(self.samples)


def geomean(values: Iterable[float]) -> float:
    """The geometric mean, the right one for ratios. NaN when there is nothing to take it of."""
    logs = [math.log(value) for value in values]
    return math.exp(sum(logs) / len(logs)) if logs else math.nan


def time_once(function: Callable[[int], object], rounds: int) -> float:
    """Seconds that one call of `function(rounds)` takes, with the garbage collector out of the way."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        start = time.perf_counter()
        function(rounds)
        return time.perf_counter() - start
    finally:
        if enabled:
            gc.enable()


def calibrate(function: Callable[[int], object], target: float, rounds: int = 100) -> int:
    """The number of rounds that makes `function` run for about `target` seconds."""
    while True:
        taken = time_once(function, rounds)
        if taken >= target / 4:
            # Multiples of 100, since kernels with an inner loop divide by 10 or by 100.
            return max(100, round(rounds * target / taken / 100) * 100)
        rounds *= 4


def interleave(sides: list[Callable[[int], object]], rounds: int, repeat: int) -> list[Timing]:
    """Times the sides in turn (A B A B …), so that a slow moment of the machine falls on all of them alike."""
    samples: list[list[float]] = [[] for _ in sides]
    for turn in range(repeat):
        order = list(range(len(sides)))
        if turn % 2:
            order.reverse()
        for side in order:
            samples[side].append(time_once(sides[side], rounds) / rounds)
    return [Timing(tuple(side)) for side in samples]
