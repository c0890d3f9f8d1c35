"""The environment variables, each checked; a wrong value is named on the standard error and left aside."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping

from justjit import _core
from justjit._config import (
    BACKENDS,
    MAX_CALLS,
    MAX_OPT_LEVEL,
    STRESSES,
    TIERS,
    check_choice,
    check_integer,
    check_names,
)
from justjit._log import open_log

_disabled = False


def is_disabled() -> bool:
    """Whether ``JUSTJIT_DISABLE=1`` is set: everything works, nothing is compiled."""
    return _disabled


def _warn(variable: str, value: str, allowed: str) -> None:
    if sys.stderr is not None:
        print(f"justjit: {variable}={value!r} is ignored: {allowed}", file=sys.stderr)


def _switch(variable: str, value: str) -> bool:
    if value not in ("", "0", "1"):
        _warn(variable, value, "it must be 0 or 1")
    return value == "1"


def _choice(setting: str, allowed: tuple[str, ...]) -> Callable[[str, str], None]:
    def apply(variable: str, value: str) -> None:
        _core.set_config(**{setting: check_choice(variable, value, allowed)})

    return apply


def _integer(setting: str, maximum: int) -> Callable[[str, str], None]:
    def apply(variable: str, value: str) -> None:
        digits = value.strip()
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 10):
            raise ValueError(f"it must be an integer from 0 to {maximum}")
        _core.set_config(**{setting: check_integer(variable, int(digits), maximum)})

    return apply


def _background(_variable: str, value: str) -> None:
    if value not in ("0", "1"):
        raise ValueError("it must be 0 or 1")
    _core.set_config(background=value == "1")


def _passes_off(variable: str, value: str) -> None:
    names = [name.strip() for name in value.split(",")]
    _core.set_config(passes_off=check_names(variable, [name for name in names if name]))


def _disable(variable: str, value: str) -> None:
    global _disabled
    _disabled = _switch(variable, value)
    if _disabled:
        _core.set_config(tier="interpreter")


def _perf(variable: str, value: str) -> None:
    if _switch(variable, value):
        _core.set_config(perf_map=True)


def _log(_variable: str, value: str) -> None:
    open_log(value)


_VARIABLES: dict[str, Callable[[str, str], None]] = {
    "JUSTJIT_TIER": _choice("tier", TIERS),
    "JUSTJIT_BASELINE_CALLS": _integer("baseline_calls", MAX_CALLS),
    "JUSTJIT_OPTIMIZE_CALLS": _integer("optimize_calls", MAX_CALLS),
    "JUSTJIT_OPTIMIZE_LOOPS": _integer("optimize_loops", MAX_CALLS),
    "JUSTJIT_OPT_LEVEL": _integer("opt_level", MAX_OPT_LEVEL),
    "JUSTJIT_BACKGROUND": _background,
    "JUSTJIT_BACKEND": _choice("backend", BACKENDS),
    "JUSTJIT_PASSES_OFF": _passes_off,
    "JUSTJIT_STRESS": _choice("stress", STRESSES),
    "JUSTJIT_PERF": _perf,
    "JUSTJIT_LOG": _log,
    "JUSTJIT_DISABLE": _disable,
}


def apply_environment(environment: Mapping[str, str] = os.environ) -> None:
    """Set what the variables ask for. The interpreter's own -E and -I switches hide them, as they hide PYTHON*."""
    if sys.flags.ignore_environment:
        return
    for variable, apply in _VARIABLES.items():
        value = environment.get(variable)
        if not value:
            continue
        try:
            apply(variable, value)
        except OSError as error:
            _warn(variable, value, f"the log cannot be opened ({error.strerror or error})")
        except (TypeError, ValueError) as error:
            _warn(variable, value, str(error))
