"""Programs that are run as they are and optimized, on each backend that there is."""

import textwrap
import types
from collections.abc import Iterator
from typing import Any

import justjit
import pytest


def has_llvm() -> bool:
    try:
        with justjit.config(backend="llvm"):
            return True
    except ValueError:
        return False


@pytest.fixture(params=["cranelift", *(["llvm"] if has_llvm() else [])], autouse=True)
def optimizing(request: pytest.FixtureRequest) -> Iterator[None]:
    with justjit.config(tier="optimizing", background=False, backend=request.param):
        yield


@pytest.fixture(params=["cranelift", *(["llvm"] if has_llvm() else [])], autouse=True)
def optimizing_soon(request: pytest.FixtureRequest) -> Iterator[None]:
    """As ``optimizing``, from the third call or the 200th round of a loop on."""
    with justjit.config(
        tier="optimizing", background=False, backend=request.param, optimize_calls=3, optimize_loops=200
    ):
        yield


MODES: list[dict[str, Any]] = [{"backend": "cranelift"}, {"backend": "cranelift", "stress": "deopt"}]
MODES += [{"backend": "llvm"}] if has_llvm() else []


@pytest.fixture(params=MODES, ids=lambda mode: "-".join(mode.values()), autouse=True)
def optimizing_and_leaving(request: pytest.FixtureRequest) -> Iterator[None]:
    """As ``optimizing``, and on Cranelift also with each place left at which optimized code can be left."""
    with justjit.config(tier="optimizing", background=False, **request.param):
        yield


def namespace(source: str, jitted: bool) -> dict[str, Any]:
    """What a program defines; its functions are hooked if wanted."""
    names: dict[str, Any] = {"__name__": "program"}
    exec(compile(textwrap.dedent(source), "<program>", "exec"), names)
    if jitted:
        for value in list(names.values()):
            if isinstance(value, types.FunctionType):
                justjit.jit(value)
            elif isinstance(value, type):
                for method in vars(value).values():
                    if isinstance(method, types.FunctionType):
                        justjit.jit(method)
    return names
