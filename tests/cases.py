"""What the files in ``tests/programs`` need: a way to say with which arguments a case is called, and ways to drive generators.

The harness hooks what stands in the cases' own files. What stands here runs in the interpreter (but where everything is hooked), so
that compiled generators and coroutines get interpreted callers, and the other way round.
"""

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def over(*rows: Any) -> Callable[[F], F]:
    """Call the case with each of these rows: a tuple of arguments, or a function that makes a fresh one a call."""

    def mark(function: F) -> F:
        function.__case_rows__ = rows  # type: ignore[attr-defined]
        return function

    return mark


def chain(error: BaseException | None) -> list[Any]:
    """An exception and those it came from: types, arguments, and whether it was by ``raise from``."""
    found: list[Any] = []
    how = "raised"
    while error is not None and len(found) < 12:
        found.append((how, type(error).__name__, error.args))
        if error.__cause__ is not None:
            how, error = "from", error.__cause__
        else:
            how, error = "hidden" if error.__suppress_context__ else "while", error.__context__
    return found


def outcome(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a call returns, or the chain of what it raises."""
    try:
        return function(*arguments)
    except BaseException as error:
        return chain(error)


def trail(error: BaseException) -> list[tuple[str, int]]:
    """The functions of a traceback, each with the line within it."""
    found, step = [], error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        found.append((code.co_name, (step.tb_lineno or 0) - code.co_firstlineno))
        step = step.tb_next
    return found


def plain_list(iterable: Iterable[Any], limit: int = 1000) -> list[Any]:
    """Up to ``limit`` items, by an interpreted ``for``."""
    found = []
    for item in iterable:
        found.append(item)
        if len(found) >= limit:
            break
    return found


def plain_yield_from(iterable: Any) -> Generator[Any, Any, Any]:
    """An interpreted generator that delegates."""
    result = yield from iterable
    return result


async def plain_await(awaitable: Any) -> Any:
    """An interpreted coroutine that awaits."""
    return await awaitable


async def plain_async_list(iterable: Any, limit: int = 1000) -> list[Any]:
    """Up to ``limit`` items, by an interpreted ``async for``."""
    found = []
    async for item in iterable:
        found.append(item)
        if len(found) >= limit:
            break
    return found


def steps(generator: Any, *actions: Any) -> list[Any]:
    """What each action on a generator or coroutine comes to, and whether it is finished after it.

    "next" advances, "close" closes, an exception or its class is thrown, a tuple with one item is sent.
    """
    return [act(generator, action) for action in actions]


def act(generator: Any, action: Any) -> Any:
    """One action, and what came of it."""
    if action == "next":
        return outcome(generator.send, None)
    if action == "close":
        return "closed", outcome(generator.close)
    if isinstance(action, tuple):
        return outcome(generator.send, *action)
    return outcome(generator.throw, action)


def finish(coroutine: Coroutine[Any, Any, Any] | Generator[Any, Any, Any], *answers: Any) -> Any:
    """Run to the end: what it yielded, and what it returned or raised. ``answers`` are sent at its yields, then None is;
    an exception among them is thrown."""
    seen: list[Any] = []
    waiting = iter(answers)
    try:
        got = coroutine.send(None)
        while True:
            seen.append(got)
            answer = next(waiting, None)
            got = coroutine.throw(answer) if isinstance(answer, BaseException) else coroutine.send(answer)
    except StopIteration as stop:
        return seen, "returned", stop.value
    except BaseException as error:
        return seen, chain(error)


def finish_async(generator: AsyncGenerator[Any, Any], limit: int = 1000) -> Any:
    """All items of an asynchronous generator that waits for nothing, and how it ended."""
    seen: list[Any] = []
    for _ in range(limit):
        found = finish(generator.__anext__())
        if found[1] != "returned":
            return seen, found[1]
        seen.append(found[2])
    return seen, "limit"
