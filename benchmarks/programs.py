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

# Applications and libraries: much code, each part of which runs a little. They need the dependency group
# `applications`.
APPLICATIONS = (
    "argparse_subparsers",
    "chameleon",
    "concurrent_imap",
    "django_template",
    "docutils",
    "dulwich_log",
    "genshi_text",
    "genshi_xml",
    "html5lib",
    "json_dumps",
    "json_loads",
    "mako",
    "networkx_connected_components",
    "networkx_k_core",
    "networkx_shortest_path",
    "pathlib",
    "pickle_pure_python",
    "regex_dna",
    "regex_effbot",
    "regex_v8",
    "sqlglot_v2_normalize",
    "sqlglot_v2_optimize",
    "sqlglot_v2_parse",
    "sqlglot_v2_transpile",
    "sqlite_synth",
    "sympy_expand",
    "sympy_integrate",
    "sympy_str",
    "sympy_sum",
    "tomli_loads",
    "unpickle_pure_python",
    "xml_etree_generate",
    "xml_etree_iterparse",
    "xml_etree_parse",
    "xml_etree_process",
    "yaml",
)

SUITES = {"programs": PROGRAMS, "generators": GENERATORS}

# Programs that the suite runs more than once, with different arguments.
_VARIANTS: dict[str, tuple[str, ...]] = {
    f"{program}_{variant}": (program, variant)
    for program, variants in {
        "argparse": ("subparsers", "many_optionals"),
        "async_tree": ("none", "io", "memoization", "cpu_io_mixed"),
        "genshi": ("text", "xml"),
        "networkx": ("connected_components", "k_core", "shortest_path"),
        "sqlglot_v2": ("normalize", "optimize", "parse", "transpile"),
        "sympy": ("expand", "integrate", "str", "sum"),
        "xml_etree": ("generate", "iterparse", "parse", "process"),
    }.items()
    for variant in variants
} | {
    "pickle_pure_python": ("pickle", "--pure-python", "pickle"),
    "unpickle_pure_python": ("pickle", "--pure-python", "unpickle"),
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
