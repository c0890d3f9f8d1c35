"""justjit's counters as differences, to say what happened during one measurement."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from benchmarks import report


@dataclass
class Counters:
    """What `justjit.stats()` counted, in all or between two moments."""

    functions_compiled: int = 0
    functions_declined: int = 0
    compile_ns: int = 0
    code_bytes: int = 0
    declined: dict[str, int] = field(default_factory=dict)
    handovers: dict[str, int] = field(default_factory=dict)

    @classmethod
    def now(cls) -> Counters:
        """The counters as they stand. All zero where justjit is not imported."""
        import justjit

        return cls.of(justjit.stats().as_dict())

    @classmethod
    def of(cls, values: dict[str, Any]) -> Counters:
        """From what `as_dict()` gives, or from JSON of it; counters that do not concern us are left out."""
        return cls(**{name: values[name] for name in cls.__dataclass_fields__ if name in values})

    def __sub__(self, earlier: Counters) -> Counters:
        return Counters(
            self.functions_compiled - earlier.functions_compiled,
            self.functions_declined - earlier.functions_declined,
            self.compile_ns - earlier.compile_ns,
            self.code_bytes - earlier.code_bytes,
            _less(self.declined, earlier.declined),
            _less(self.handovers, earlier.handovers),
        )

    def trouble(self) -> str:
        """What did not run compiled, in one cell: functions declined and hand-overs to the interpreter, by reason."""
        parts = []
        if self.declined:
            parts.append("declined: " + report.counts(self.declined))
        if self.handovers:
            parts.append("handed over: " + report.counts(self.handovers))
        return "; ".join(parts)


def _less(now: dict[str, int], earlier: dict[str, int]) -> dict[str, int]:
    return {reason: count - earlier.get(reason, 0) for reason, count in now.items() if count != earlier.get(reason, 0)}
