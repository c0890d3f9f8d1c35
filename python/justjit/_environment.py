"""The environment variables, each checked; a wrong value is named on the standard error and left aside."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping

from justjit import _core
from justjit._config import MAX_CALLS, TIERS, check_choice, check_integer
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


def _tier(variable: str, value: str) -> None:
    _core.set_config(tier=check_choice(variable, value, TIERS))


def _baseline_calls(variable: str, value: str) -> None:
    digits = value.strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 10):
        raise ValueError(f"it must be an integer from 0 to {MAX_CALLS}")
    _core.set_config(baseline_calls=check_integer(variable, int(digits), MAX_CALLS))


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
    "JUSTJIT_TIER": _tier,
    "JUSTJIT_BASELINE_CALLS": _baseline_calls,
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
