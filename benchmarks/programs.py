"""Which programs of the pyperformance suite are run, and where an installed pyperformance keeps them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

# Those without dependencies but the standard library (crypto_pyaes: pyaes), whose time is spent in Python functions
# for the most part. In pidigits and telco nearly all of it is spent in C.
PROGRAMS = (
    "chaos",
    "comprehensions",
    "crypto_pyaes",
    "deepcopy",
    "deltablue",
    "fannkuch",
    "float",
    "go",
    "hexiom",
    "logging",
    "mdp",
    "meteor_contest",
    "nbody",
    "nqueens",
    "pidigits",
    "pprint",
    "pyflate",
    "raytrace",
    "regex_compile",
    "richards",
    "richards_super",
    "scimark",
    "spectral_norm",
    "telco",
    "typing_runtime_protocols",
    "unpack_sequence",
)


# Those whose time goes into generators, coroutines and asynchronous generators.
GENERATORS = (
    "generators",
    "coroutines",
    "async_generators",
    "async_tree_none",
    "async_tree_io",
    "async_tree_memoization",
    "async_tree_cpu_io_mixed",
    "bpe_tokeniser",
)

SUITES = {"programs": PROGRAMS, "generators": GENERATORS}

# Programs that the suite runs more than once, with different arguments.
_VARIANTS = {
    f"async_tree_{workload}": ("async_tree", workload) for workload in ("none", "io", "memoization", "cpu_io_mixed")
}


def package_folder(name: str) -> Path:
    """The folder that an installed package is in, without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"{name} is not installed here; `make setup` installs all that the benchmarks need")
    return Path(next(iter(spec.submodule_search_locations)))


def program_arguments(name: str) -> list[str]:
    """The arguments that one of the suite's programs is run with."""
    return list(_VARIANTS.get(name, ())[1:])


def program_file(name: str) -> Path:
    """The file of one of the suite's programs."""
    folder = package_folder("pyperformance") / "data-files" / "benchmarks" / f"bm_{_VARIANTS.get(name, (name,))[0]}"
    path = folder / "run_benchmark.py"
    if not path.exists():
        known = ", ".join(sorted(other.name.removeprefix("bm_") for other in folder.parent.glob("bm_*")))
        raise SystemExit(f"pyperformance has no program {name!r}; it has {known}")
    return path
