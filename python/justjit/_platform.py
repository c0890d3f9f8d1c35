"""Whether this interpreter is one that justjit knows, asked before the compiled half is loaded."""

import sys

SUPPORTED = "CPython 3.13 (the ordinary build, with the GIL) on x86-64 or AArch64 Linux"


def check_platform() -> None:
    """Raise an ImportError that says what is wrong and what is supported."""
    implementation = sys.implementation.name
    if implementation != "cpython":
        raise ImportError(f"justjit does not run on {implementation}; it supports {SUPPORTED}", name="justjit")
    if tuple(sys.version_info[:2]) != (3, 13):
        version = ".".join(map(str, sys.version_info[:3]))
        raise ImportError(f"justjit does not run on CPython {version}; it supports {SUPPORTED}", name="justjit")
    if "t" in getattr(sys, "abiflags", ""):
        raise ImportError(f"justjit does not run on a free-threaded build; it supports {SUPPORTED}", name="justjit")
    try:
        import justjit._core  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name != "justjit._core":
            raise
        raise ImportError(
            "justjit's compiled half (justjit._core) is missing: this is a source tree that was not built, or a wheel "
            f"made for another platform. Supported: {SUPPORTED}",
            name="justjit",
        ) from None
