"""Runs a script, module or piece of code as ``__main__``, the way the interpreter would."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import io
import os
import pkgutil
import sys
import types
from typing import Literal, NamedTuple, NoReturn

from justjit import _core
from justjit._environment import is_disabled


class Program(NamedTuple):
    """What to run."""

    kind: Literal["script", "module", "code"]
    target: str
    arguments: list[str]


class _Loaded(NamedTuple):
    code: types.CodeType
    argv0: str
    path0: str | None
    """What ``sys.path[0]`` becomes; None: it stays, as -m had set it."""
    file: str | None
    spec: importlib.machinery.ModuleSpec | None
    cached: str | None = None


def _fail(message: str, status: int = 1) -> NoReturn:
    print(f"{sys.executable}: {message}", file=sys.stderr)
    raise SystemExit(status)


def _code_of(spec: importlib.machinery.ModuleSpec, shown: str) -> types.CodeType:
    get_code = getattr(spec.loader, "get_code", None)
    code = get_code(spec.name) if get_code is not None else None
    if not isinstance(code, types.CodeType):
        _fail(f"No code object available for {shown}")
    return code


def _load_module(name: str) -> _Loaded:
    try:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            package, name = name, f"{name}.__main__"
            spec = importlib.util.find_spec(name)
            if spec is None:
                _fail(f"No module named {name}; {package!r} is a package and cannot be directly executed")
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        _fail(f"Error while finding module specification for {name!r} ({type(error).__name__}: {error})")
    if spec is None:
        _fail(f"No module named {name}")
    code = _code_of(spec, name)
    return _Loaded(code, spec.origin or name, None, spec.origin, spec, spec.cached)


def _load_script(path: str) -> _Loaded:
    if path == "-":
        source = sys.stdin.buffer.read() if sys.stdin is not None else b""
        return _Loaded(compile(source, "<stdin>", "exec", dont_inherit=True), "-", "", None, None)
    if os.path.isdir(path) or not isinstance(pkgutil.get_importer(path), type(None)):
        spec = importlib.machinery.PathFinder.find_spec("__main__", [path])
        if spec is None:
            _fail(f"can't find '__main__' module in {os.path.abspath(path)!r}")
        return _Loaded(_code_of(spec, path), path, path, spec.origin, spec)
    try:
        with io.open_code(os.path.abspath(path)) as file:
            code = pkgutil.read_code(file)  # a .pyc
        if code is None:
            with io.open_code(os.path.abspath(path)) as file:
                code = compile(file.read(), os.path.abspath(path), "exec", dont_inherit=True)
    except OSError as error:
        _fail(f"can't open file {os.path.abspath(path)!r}: [Errno {error.errno}] {error.strerror}", 2)
    return _Loaded(code, path, os.path.dirname(os.path.realpath(path)), os.path.abspath(path), None)


def _load_code(text: str) -> _Loaded:
    import linecache

    code = compile(text, "<string>", "exec", dont_inherit=True)
    lines = [f"{line}\n" for line in text.splitlines()]
    linecache.cache["<string>"] = (len(text), None, lines, "<string>")  # so that tracebacks show it
    return _Loaded(code, "-c", "", None, None)


def _load(program: Program) -> _Loaded:
    match program.kind:
        case "module":
            sys.argv[:] = ["-m", *program.arguments]
            return _load_module(program.target)
        case "code":
            return _load_code(program.target)
        case "script":
            return _load_script(program.target)


def _main_module(loaded: _Loaded) -> types.ModuleType:
    """A fresh ``__main__`` in place of ours, so that pickling and multiprocessing find the program's own names."""
    module = types.ModuleType("__main__")
    module.__builtins__ = sys.modules["builtins"]  # type: ignore[attr-defined]
    module.__annotations__ = {}
    if loaded.spec is not None:
        module.__spec__ = loaded.spec
        module.__loader__ = loaded.spec.loader
        module.__package__ = loaded.spec.parent
        vars(module)["__cached__"] = loaded.cached
    elif loaded.file is not None:
        module.__loader__ = importlib.machinery.SourceFileLoader("__main__", loaded.file)
        vars(module)["__cached__"] = None
    else:
        module.__loader__ = importlib.machinery.BuiltinImporter
    if loaded.file is not None:
        module.__file__ = loaded.file
    return module


def _hide_own_frames(error: BaseException) -> None:
    """Let the interpreter report ``error`` itself (exit status, SIGINT and all), without the frames that are ours."""
    traceback = error.__traceback__.tb_next if error.__traceback__ is not None else None
    hook = sys.excepthook

    def report(kind: type[BaseException], value: BaseException, shown: types.TracebackType | None) -> None:
        if value is error:
            shown = sys.last_traceback = traceback
            value = value.with_traceback(traceback)
        hook(kind, value, shown)

    sys.excepthook = report


def run(program: Program) -> None:
    """Run ``program`` in this process; what it raises leaves as it would leave the interpreter."""
    try:
        loaded = _load(program)
    except SyntaxError as error:
        error.__traceback__ = None
        _hide_own_frames(error)
        raise
    sys.argv[:] = [loaded.argv0, *program.arguments]
    if loaded.path0 is not None and not sys.flags.safe_path:
        sys.path[0] = loaded.path0
    module = _main_module(loaded)
    sys.modules["__main__"] = module
    del program
    try:
        if is_disabled():
            exec(loaded.code, vars(module))
        else:
            _core.run_module_code(loaded.code, vars(module))
    except SystemExit:
        raise
    except BaseException as error:
        _hide_own_frames(error)
        raise
