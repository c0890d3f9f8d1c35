"""The differential harness: one piece of source, run by the interpreter and by each tier, compared in all that shows.

Each run executes the source anew, so that no function, inline cache or compiled version is shared. Every function in it, nested
ones and lambdas too, passes through ``__justjit__`` when it is made: the identity for the interpreter's run, the hook otherwise.
"""

import ast
import builtins
import contextlib
import dataclasses
import difflib
import dis
import functools
import gc
import inspect
import io
import linecache
import sys
import textwrap
import types
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tests import progress
from tests.describe import describe, describe_exception, without_addresses

INTERPRETER = "interpreter"
BASELINE = "baseline"
HANDOVER_EVERYWHERE = "hand-over at every instruction"
SAMPLING = "sampling"
TIERING = "tiering up at once"
DEOPT_EVERYWHERE = "deopt at every instruction"
LLVM = "optimizing on LLVM"
CRANELIFT = "optimizing on Cranelift"
DEOPT_LLVM = "optimizing on LLVM, each exit taken once"
DEOPT_CRANELIFT = "optimizing on Cranelift, each exit taken once"
SAMPLED = "optimizing on Cranelift, after many samples"
OPTIMIZING = {LLVM: "llvm", DEOPT_LLVM: "llvm", CRANELIFT: "cranelift", DEOPT_CRANELIFT: "cranelift"}
"""The modes of the optimizing tier, and who generates their code."""
HANDOVER = "hand-over"
DEOPT = "deopt"

SETTLED = 5
"""Calls after which inline caches have settled, and a function has been optimized where a mode wants that."""


@dataclasses.dataclass(frozen=True)
class Record:
    """All that one call let anybody see."""

    arguments: str
    result: tuple[str, ...]
    output: str
    references: tuple[int, ...]
    """How many references to each argument the call left behind."""
    compiling: bool = dataclasses.field(default=False, compare=False)
    """An optimized version was made meanwhile, which keeps what its code names alive."""

    def lines(self) -> list[str]:
        """For comparing and printing."""
        return [
            f"arguments {self.arguments}",
            *self.result,
            *(f"printed {line}" for line in self.output.splitlines()),
            f"references kept {list(self.references)}",
        ]

    def agrees(self, other: "Record") -> bool:
        """Whether the other one shows the same, but for references that a new version has."""
        if self == other or not other.compiling:
            return self == other
        more = all(late >= early for early, late in zip(self.references, other.references, strict=False))
        return more and dataclasses.replace(other, references=self.references) == self


@dataclasses.dataclass(frozen=True)
class Point:
    """An instruction at which a function's compiled code is left."""

    how: str
    """``HANDOVER`` (the interpreter goes on) or ``DEOPT`` (other compiled code does)."""
    qualname: str
    offset: int
    opname: str

    def __str__(self) -> str:
        return f"{self.how} at {self.opname}, offset {self.offset} of {self.qualname}"


class _HookEverything(ast.NodeTransformer):
    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.decorator_list.append(ast.copy_location(ast.Name("__justjit__", ast.Load()), node))
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        self.generic_visit(node)
        name = ast.copy_location(ast.Name("__justjit__", ast.Load()), node)
        return ast.copy_location(ast.Call(name, [node], []), node)


@functools.lru_cache(maxsize=32)
def compiled(source: str, filename: str) -> types.CodeType:
    """The code of ``source``, every function in it hooked as it is made."""
    tree = _HookEverything().visit(ast.parse(source, filename))
    if not filename.endswith(".py"):
        lines = source.splitlines(keepends=True)
        linecache.cache[filename] = (len(source), None, lines, filename)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        return compile(tree, filename, "exec", dont_inherit=True)


def _identity(function: types.FunctionType) -> types.FunctionType:
    return function


def _hook(function: types.FunctionType) -> types.FunctionType:
    from justjit import _core

    _core.hook(function, 0)
    return function


def _hook_with_point(point: Point) -> Callable[[types.FunctionType], types.FunctionType]:
    from justjit import _core

    def hook(function: types.FunctionType) -> types.FunctionType:
        if _core.hook(function, 0) and function.__code__.co_qualname == point.qualname:
            set_points = _core.set_handover_points if point.how == HANDOVER else _core.set_deopt_points
            set_points(function, [point.offset])
        return function

    return hook


OWN_FAULTS = ("the IR is wrong", "the optimizer failed", "lowering", "LLVM", "Verifier errors")
"""How the reasons begin for which a function is not optimized, but should be."""


@contextlib.contextmanager
def _no_own_faults() -> Iterator[None]:
    """Fail if a function is declined for a fault of ours, such as those that ``verify=True`` finds."""
    from justjit import _core

    before = _core.stats()["optimize_declined"]
    yield
    declined = _core.stats()["optimize_declined"].keys() - before.keys()
    if faults := [reason for reason in declined if reason.startswith(OWN_FAULTS)]:
        raise AssertionError(f"declined: {faults}")


@contextlib.contextmanager
def _tier(mode: str, point: Point | None) -> Iterator[None]:
    """Have ``__justjit__`` mean what ``mode`` says."""
    with contextlib.ExitStack() as stack:
        hook: Callable[[types.FunctionType], types.FunctionType] = _identity
        if mode != INTERPRETER:
            import justjit
            from justjit import _core

            hook = _hook if point is None else _hook_with_point(point)
            if mode not in (TIERING, SAMPLING, SAMPLED) and mode not in OPTIMIZING:
                stack.enter_context(justjit.config(tier="baseline"))
            if mode == HANDOVER_EVERYWHERE:
                stack.enter_context(justjit.config(handover_every=1))
            elif mode == DEOPT_EVERYWHERE:
                stack.enter_context(justjit.config(deopt_every=1))
            elif mode == TIERING:
                _core.use_stand_in(True, left_at=["BINARY_OP", "CALL"])
                stack.callback(_core.use_stand_in, False)
                stack.enter_context(justjit.config(stress="optimize"))
            elif mode == SAMPLING:
                stack.enter_context(justjit.config(sampling_only=True))
            elif mode == SAMPLED:
                thresholds = {"baseline_calls": 0, "optimize_calls": 1, "optimize_loops": 1}
                stack.enter_context(
                    justjit.config(tier="auto", background=False, backend="cranelift", verify=True, **thresholds)
                )
            elif mode in OPTIMIZING:
                settings: dict[str, Any] = {"tier": "optimizing", "background": False, "backend": OPTIMIZING[mode]}
                settings["stress"] = "deopt" if mode in (DEOPT_LLVM, DEOPT_CRANELIFT) else "optimize"
                stack.enter_context(justjit.config(**settings, verify=True))
        if mode in OPTIMIZING or mode == SAMPLED:
            stack.enter_context(_no_own_faults())
        builtins.__justjit__ = hook  # type: ignore[attr-defined]
        collecting = gc.isenabled()
        gc.disable()  # so that finalizers run at the same points
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("always")
        try:
            yield
        finally:
            if collecting:
                gc.enable()
            del builtins.__justjit__  # type: ignore[attr-defined]


def _copied(code: types.CodeType) -> types.CodeType:
    """Code objects that no earlier run has warmed up or compiled."""
    return code.replace(co_consts=tuple(_copied(c) if isinstance(c, types.CodeType) else c for c in code.co_consts))


def load(source: str, filename: str) -> dict[str, Any]:
    """The namespace of a fresh module made from ``source``."""
    module = types.ModuleType("program")
    module.__file__ = filename
    sys.modules["program"] = module  # for pickling and for the names of classes
    namespace = vars(module)
    namespace["__module_object__"] = module
    exec(_copied(compiled(source, filename)), namespace)
    return namespace


def _invoke(function: Callable[..., Any], row: Sequence[Any]) -> tuple[str, ...]:
    try:
        result = function(*row)
    except BaseException as error:
        if error.__traceback__ is not None:
            error.__traceback__ = error.__traceback__.tb_next
        return tuple(describe_exception(error))
    return (f"returned {describe(result)}",)


def call(function: Callable[..., Any], row: Sequence[Any]) -> Record:
    """Call ``function`` once and record what showed."""
    shown = describe(tuple(row))
    output = io.StringIO()
    before = [sys.getrefcount(argument) for argument in row]
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        result = _invoke(function, row)
    after = [sys.getrefcount(argument) for argument in row]
    kept = tuple(late - early for early, late in zip(before, after, strict=True))
    return Record(shown, result, without_addresses(output.getvalue()), kept)


def _fresh(argument: Any) -> Any:
    """A number of its own: that of a constant loses a reference when a version that names it as well is given up."""
    if type(argument) is int:
        return argument + 1 - 1
    return argument * 1.0 if type(argument) is float else argument


def _row(row: Any) -> tuple[Any, ...]:
    return tuple(_fresh(argument) for argument in (row() if callable(row) else row))


def _schedule(rows: Sequence[Any], warm: int) -> list[Any]:
    """Each row often enough for inline caches to settle, and then in turn with the others, so that they are upset."""
    settled = [row for row in rows for _ in range(warm)]
    return [*settled, *rows, *rows]


def _run(source: str, filename: str, name: str, warm: int) -> list[Record]:
    function = load(source, filename)[name]
    rows = getattr(function, "__case_rows__", ((),))
    records = []
    for row in _schedule(rows, warm):
        before = _versions()
        record = call(function, _row(row))
        records.append(dataclasses.replace(record, compiling=_versions() != before))
    return records


def _versions() -> int:
    """Optimized versions that have been made so far."""
    core = sys.modules.get("justjit._core")
    return core.stats()["optimized_versions"] if core else 0


def run_case(source: str, filename: str, name: str, mode: str, warm: int = SETTLED) -> list[Record]:
    """Run the function ``name`` of ``source`` with each row of its arguments."""
    progress.note(f"{name}, {mode}")
    with _tier(mode, None):
        records = _run(source, filename, name, warm)
    gc.collect()
    return records


def run_optimized(source: str, filename: str, name: str, mode: str, warm: int = SETTLED) -> tuple[list[Record], int]:
    """As ``run_case``; also how many optimized versions were made."""
    from justjit import _core

    before = _core.stats()
    records = run_case(source, filename, name, mode, warm)
    after = _core.stats()
    return records, after["optimized_versions"] - before["optimized_versions"]


EDGES_AT_ONCE = 8
"""Calls that a function is surprised with before it is made anew: fewer than what has a version dropped."""


def run_edges(source: str, name: str, usual: str, edges: list[str], mode: str) -> tuple[list[Record], int]:
    """Call the function with the ``usual`` arguments until it is optimized, then with unusual ones; all are source text. The
    records, and how many optimized versions were made."""
    records = []
    before = _versions()
    for first in range(0, len(edges), EDGES_AT_ONCE):
        some = edges[first : first + EDGES_AT_ONCE]
        progress.note(f"{name}, {mode}, edges {some}")
        rows = [*[usual] * 4, *(row for edge in some for row in (edge, usual, edge))]
        text = f"{source}\n{name}.__case_rows__ = [{', '.join(f'lambda: ({row})' for row in rows)}]\n"
        with _tier(mode, None):
            namespace = load(text, "<edges>")
            for row in namespace[name].__case_rows__:
                made = _versions()
                record = call(namespace[name], _row(row))
                records.append(dataclasses.replace(record, compiling=_versions() != made))
    return records, _versions() - before


def code_objects(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from code_objects(constant)


def points(source: str, filename: str, name: str, how: str) -> list[Point]:
    """Every instruction of the function ``name`` and of the functions in it."""
    for code in code_objects(compiled(source, filename)):
        if code.co_qualname == name:
            return [
                Point(how, found.co_qualname, instruction.offset, instruction.opname)
                for found in code_objects(code)
                if found.co_flags & inspect.CO_OPTIMIZED
                for instruction in dis.get_instructions(found)
            ]
    raise LookupError(name)


def _out_of_room() -> bool:
    import justjit

    return justjit.stats().limit_reached


def run_case_points(source: str, filename: str, name: str, how: str, expected: list[Record]) -> list[str]:
    """Leave compiled code at each instruction of the case in turn; what differed from ``expected``."""
    differences = []
    for number, point in enumerate(points(source, filename, name, how)):
        if number % 64 == 0:
            gc.collect()
        progress.note(f"{name}, {point}")
        with _tier(BASELINE, point):
            records = _run(source, filename, name, warm=0)
        if _out_of_room():
            return [f"{point}\nno room for more code: nothing is tested any more"]
        if records != expected:
            differences.append(f"{point}\n{difference(expected, records)}")
    return differences


def difference(expected: Sequence[Record], found: Sequence[Record]) -> str:
    """The differing calls, as a diff; empty if there are none."""
    parts = []
    for number, (one, other) in enumerate(zip(expected, found, strict=False)):
        if not one.agrees(other):
            diff = difflib.unified_diff(one.lines(), other.lines(), INTERPRETER, "compiled", lineterm="", n=2)
            parts.append("\n".join([f"call {number}: arguments {one.arguments}", *diff]))
    if len(expected) != len(found):
        parts.append(f"{len(expected)} calls in the interpreter, {len(found)} compiled")
    return "\n".join(parts[:3])


def differential(function: types.FunctionType, *rows: Any) -> None:
    """Fail unless ``function`` does the same under each tier, here in this process. Its source is run anew: what it uses of
    its surroundings must be in its own text, or be a builtin."""
    source = textwrap.dedent(inspect.getsource(function))
    source += f"\n{function.__name__}.__case_rows__ = __import__('sys').modules['program_rows'].rows\n"
    holder: Any = types.ModuleType("program_rows")
    holder.rows = rows or ((),)
    sys.modules["program_rows"] = holder
    filename = f"<{function.__qualname__}>"
    expected = run_case(source, filename, function.__name__, INTERPRETER)
    for mode in (BASELINE, SAMPLING, TIERING, HANDOVER_EVERYWHERE, DEOPT_EVERYWHERE, *OPTIMIZING):
        found = difference(expected, run_case(source, filename, function.__name__, mode))
        assert not found, f"{mode}\n{found}"
    short = run_case(source, filename, function.__name__, INTERPRETER, warm=0)
    for how in (HANDOVER, DEOPT):
        differences = run_case_points(source, filename, function.__name__, how, short)
        assert not differences, "\n".join(differences)
