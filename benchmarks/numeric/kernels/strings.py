"""Strings, a character at a time: edit distance, counting words and vowels, a hash."""

from ctypes import c_char_p, c_int64

from benchmarks.numeric.inputs import random_text
from benchmarks.numeric.kernel import C, Kernel


def edit_distance(a, b):
    previous = list(range(len(b) + 1))
    for i in range(1, len(a) + 1):
        current = [i] * (len(b) + 1)
        for j in range(1, len(b) + 1):
            if a[i - 1] == b[j - 1]:
                current[j] = previous[j - 1]
            else:
                current[j] = 1 + min(previous[j], current[j - 1], previous[j - 1])
        previous = current
    return previous[len(b)]


def scan(text):
    words = 0
    vowels = 0
    inside = False
    for letter in text:
        if letter == " " or letter == "\n":
            inside = False
        else:
            if not inside:
                words += 1
            inside = True
            if letter in "aeiouAEIOU":
                vowels += 1
    return words * 10_000_000 + vowels


def fnv_hash(text):
    value = 2166136261
    for letter in text:
        value = ((value ^ ord(letter)) * 16777619) & 0xFFFFFFFF
    return value


def string(text):
    return c_char_p(text.encode("ascii"))


KERNELS = [
    Kernel(
        "edit_distance",
        (edit_distance,),
        lambda size: (random_text(size, "acgt", 1), random_text(size, "acgt", 2)),
        size=1700,
        tiny=8,
        c=C(
            "strings",
            lambda library, a, b: library.call("edit_distance", c_int64, string(a), len(a), string(b), len(b)),
        ),
    ),
    Kernel(
        "string_scan",
        (scan,),
        lambda size: (random_text(size, "abcdefghijklmnopqrstuvwxyz      \n"),),
        size=8_000_000,
        tiny=40,
        c=C("strings", lambda library, text: library.call("scan", c_int64, string(text), len(text))),
    ),
    Kernel(
        "string_hash",
        (fnv_hash,),
        lambda size: (random_text(size, "abcdefghijklmnopqrstuvwxyz "),),
        size=4_000_000,
        tiny=40,
        c=C("strings", lambda library, text: library.call("fnv_hash", c_int64, string(text), len(text))),
    ),
]
