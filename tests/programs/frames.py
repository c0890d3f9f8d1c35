"""Code that looks at its own frame, or at its caller's."""

import inspect
import io
import logging
import sys
import traceback
import warnings

from tests.cases import over


@over((1, "b"))
def case_locals(a, b):
    c = [a]
    first = sorted(locals().items(), key=lambda item: item[0])
    del c
    d = locals()
    return first, sorted(d), d["a"]


def case_locals_is_a_snapshot():
    x = 1
    snapshot = locals()
    x = 2
    snapshot["x"] = 99
    return x, snapshot["x"], locals()["x"]


def case_f_locals_writes_through():
    x = 1
    sys._getframe().f_locals["x"] = 50
    return x


def case_f_locals_of_caller_writes():
    def poke():
        frame = sys._getframe(1)
        frame.f_locals["x"] = "poked"
        frame.f_locals["extra"] = 5

    x = 1
    poke()
    return x, sys._getframe().f_locals.get("extra")


def case_f_locals_writes_to_loop_variable():
    def poke(n):
        sys._getframe(1).f_locals["total"] = n

    total = 0
    for i in range(6):
        total += i
        if i == 3:
            poke(1000)
    return total


def case_f_locals_writes_to_cell():
    x = 1

    def get():
        return x

    sys._getframe().f_locals["x"] = 2
    return x, get()


def case_eval_sees_locals():
    x = 5
    return eval("x + 1"), eval("[y + 1 for y in range(2)]")


def case_exec_sees_locals():
    x = 5
    exec("y = x * 2; x = 100")
    try:
        return x, y
    except NameError as error:
        return x, str(error)


def case_eval_with_namespaces():
    return eval("a + b", {"a": 1}, {"b": 2})


def case_exec_with_namespace():
    namespace = {"x": 3}
    exec("def f(n):\n    return n * x\nresult = f(5)", namespace)
    return namespace["result"]


def case_eval_error():
    x = 0
    return eval("1 / x")


def case_getframe():
    frame = sys._getframe()
    return frame.f_code.co_name, frame.f_lineno - frame.f_code.co_firstlineno, frame.f_back is not None, sorted(frame.f_locals)


def case_getframe_depths():
    def one():
        return two()

    def two():
        return [sys._getframe(n).f_code.co_name for n in range(3)]

    return one()


def case_caller_line_numbers():
    def here():
        frame = sys._getframe(1)
        return frame.f_lineno - frame.f_code.co_firstlineno

    first = here()
    second = here(); third = here()
    fourth = [
        here(),
        here(),
    ]
    return first, second, third, fourth


def case_caller_lasti_moves():
    def here():
        return sys._getframe(1).f_lasti

    a, b = here(), here()
    return a, b, a < b


def case_frame_outlives_call():
    def f(a):
        b = a * 2
        frame = sys._getframe()
        return frame

    frame = f([1])
    return frame.f_locals["a"], frame.f_locals["b"], frame.f_code.co_name, frame.f_lineno - frame.f_code.co_firstlineno


def case_frame_kept_by_callee_sees_later_values():
    kept = []

    def keep():
        kept.append(sys._getframe(1))

    def f():
        x = 1
        keep()
        x = 2
        return x

    f()
    return kept[0].f_locals, kept[0].f_lineno - kept[0].f_code.co_firstlineno


def case_frame_identity():
    def same():
        return sys._getframe(1)

    return same() is same(), same() is sys._getframe()


def case_frame_f_back_chain():
    def f():
        names = []
        frame = sys._getframe()
        while frame is not None and frame.f_code.co_name != "_invoke":
            names.append(frame.f_code.co_name)
            frame = frame.f_back
        return names

    def g():
        return f()

    return g()


def case_frame_clear():
    def f():
        x = [1]
        return sys._getframe()

    frame = f()
    before = dict(frame.f_locals)
    frame.clear()
    return before, dict(frame.f_locals)


def case_clear_running_frame():
    sys._getframe().clear()


def case_f_globals_and_builtins():
    frame = sys._getframe()
    return frame.f_globals is globals(), "len" in frame.f_builtins, frame.f_trace


def case_vars_and_dir():
    a = 1
    b = 2
    return sorted(vars()), dir()


def case_inspect_stack():
    def inner():
        return [(info.function, info.lineno - info.frame.f_code.co_firstlineno) for info in inspect.stack()[:2]]

    return inner()


def case_inspect_currentframe():
    frame = inspect.currentframe()
    info = inspect.getframeinfo(frame)
    return info.function, info.lineno - frame.f_code.co_firstlineno, inspect.getargvalues(frame).args


@over((1,), (2,), (3,))
def case_warning_stack_levels(level):
    def deprecated():
        warnings.warn("old", DeprecationWarning, stacklevel=level)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        deprecated()
        deprecated()
    return [(str(w.message), w.filename.rsplit("/", 1)[-1]) for w in caught if level < 3], len({w.lineno for w in caught})


def case_warning_printed():
    warnings.warn("printed to the standard error")


def case_logging_finds_caller():
    stream = io.StringIO()
    logger = logging.getLogger("case")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(funcName)s %(levelname)s %(message)s"))
    logger.addHandler(handler)
    logger.propagate = False

    def work():
        logger.warning("from %s", "work")
        logger.error("outer", stacklevel=2)

    try:
        work()
        try:
            1 / 0
        except ZeroDivisionError:
            logger.exception("failed")
    finally:
        logger.removeHandler(handler)
    return stream.getvalue()


def case_traceback_extract_stack():
    def f():
        return [s.name for s in traceback.extract_stack()[-2:]]

    return f()


def case_traceback_print_exc():
    stream = io.StringIO()
    try:
        {}["key"]
    except KeyError:
        traceback.print_exc(file=stream)
    return stream.getvalue()


def case_format_stack_lines():
    def f():
        return traceback.format_stack()[-2:]

    return f()


def case_sys_exc_info_traceback_frames():
    def f(x):
        y = x + 1
        raise ValueError(y)

    try:
        f(1)
    except ValueError:
        tb = sys.exc_info()[2]
        frames = []
        while tb:
            frames.append((tb.tb_frame.f_code.co_name, sorted(tb.tb_frame.f_locals)))
            tb = tb.tb_next
        return frames


def case_traceback_frame_locals_after_return():
    def f():
        x = "kept alive"
        y = [x]
        raise KeyError("k")

    try:
        f()
    except KeyError as error:
        kept = error
    frame = kept.__traceback__.tb_next.tb_frame
    return frame.f_locals["x"], frame.f_locals["y"], frame.f_lineno - frame.f_code.co_firstlineno


def case_namedtuple_module_from_caller():
    import collections

    return collections.namedtuple("P", "a b")(1, 2)


def case_locals_in_nested_function_with_cells():
    x = 1

    def f(y):
        z = x + y
        return dict(sorted(locals().items()))

    return f(2)


def case_super_and_locals_in_class():
    class A:
        x = 1
        inside = sorted(k for k in locals() if not k.startswith("__"))
        frame_name = sys._getframe().f_code.co_name

    return A.inside, A.frame_name


def case_f_lineno_in_loop():
    def line():
        frame = sys._getframe(1)
        return frame.f_lineno - frame.f_code.co_firstlineno

    out = []
    for i in range(3):
        out.append(line())
        if i == 1:
            out.append(line())
    return out


def case_eval_frame_locals_in_comprehension():
    x = 10
    return [eval("x", globals(), locals()) for _ in range(2)]


def case_recursive_frames():
    def depth(n):
        if n == 0:
            frame, count = sys._getframe(), 0
            while frame.f_code.co_name == "depth":
                frame, count = frame.f_back, count + 1
            return count
        return depth(n - 1)

    return depth(10)


def case_callback_from_c_sees_frames():
    def key(x):
        frame = sys._getframe(1)
        names.add(frame.f_code.co_name)
        return -x

    names = set()
    return sorted([1, 2, 3], key=key), names, list(map(lambda v: sys._getframe(1).f_code.co_name, [1]))


def case_locals_with_deleted_names():
    a, b, c = 1, 2, 3
    del b
    return sorted(locals())


def case_exec_of_function_definition():
    exec("def inner(a, b=2):\n    return a + b")
    return locals()["inner"](1)


def case_code_of_a_module_made_a_function():
    import types

    code = compile("a = 1\nb = a + 1\nfor i in range(300):\n    c = i\nd = sorted(locals())[:3]\n", "module", "exec")
    namespace = {"__builtins__": __builtins__}
    function = types.FunctionType(code, namespace)
    results = [function() for _ in range(12)]
    return set(results), namespace["b"], namespace["c"], namespace["d"]


def case_awaiting_code_of_a_module_made_a_function():
    import ast
    import types

    code = compile("a = await thing\nb = [await thing for _ in range(2)]\n", "module", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)

    class Thing:
        def __await__(self):
            return (yield "waits")

    found = []
    for _ in range(12):
        namespace = {"__builtins__": __builtins__, "thing": Thing()}
        coroutine = types.FunctionType(code, namespace)()
        found.append([coroutine.send(None), coroutine.send(1), coroutine.send(2)])
        try:
            coroutine.send(3)
        except StopIteration as end:
            found.append((end.value, namespace["a"], namespace["b"]))
    return found[-2:], len(found)
