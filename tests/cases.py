"""What the files in ``tests/programs`` need: a way to say with which arguments a case is called."""

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def over(*rows: Any) -> Callable[[F], F]:
    """Call the case with each of these rows: a tuple of arguments, or a function that makes a fresh one a call."""

    def mark(function: F) -> F:
        function.__case_rows__ = rows  # type: ignore[attr-defined]
        return function

    return mark
