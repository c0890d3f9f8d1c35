"""``python -m justjit [profile] [options] script.py args…``: runs a whole program compiled."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from justjit import __version__, config, enable
from justjit._config import MAX_BYTES, MAX_CALLS, TIERS, check_integer
from justjit._run import Program, run

_WITH_VALUE = {"--tier", "--baseline-calls", "--code-memory-limit", "--log", "--json", "--interval", "--limit"}


def _integer(maximum: int) -> Any:
    def parse(text: str) -> int:
        try:
            return check_integer("the value", int(text), maximum)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not an integer from 0 to {maximum}") from None

    return parse


def _interval(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0001 <= value <= 10:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0.0001 to 10")
    return value


def _parser(profiles: bool) -> argparse.ArgumentParser:
    program = "(script.py | directory | - | -m module | -c code) [arguments]"
    if profiles:
        parser = argparse.ArgumentParser(
            prog="python -m justjit profile",
            usage=f"python -m justjit profile [options] {program}",
            description="Run a Python program with every function compiled, and print to the standard error where its "
            "time went: by loop and by function, with the tier that each ran in, and why not in a better one.",
            allow_abbrev=False,
        )
        parser.add_argument("--json", metavar="FILE", help="write the profile to this file, and print nothing")
        parser.add_argument("--interval", type=_interval, metavar="SECONDS", help="between samples (default: 0.002)")
        parser.add_argument("--limit", type=_integer(1000), metavar="N", help="rows of each table (default: 15)")
    else:
        parser = argparse.ArgumentParser(
            prog="python -m justjit",
            usage=f"python -m justjit [profile] [options] {program}",
            description="Run a Python program with every function compiled. With `profile`, also print where its time "
            "went: `python -m justjit profile --help`.",
            allow_abbrev=False,
        )
    parser.add_argument("--tier", choices=TIERS, help="who may run the functions (default: auto)")
    parser.add_argument(
        "--baseline-calls",
        type=_integer(MAX_CALLS),
        metavar="N",
        help="compile after N calls; 0: before the first",
    )
    parser.add_argument(
        "--code-memory-limit",
        type=_integer(MAX_BYTES),
        metavar="BYTES",
        help="stop compiling above so much machine code",
    )
    parser.add_argument("--stats", action="store_true", help="print the counters to the standard error at the end")
    parser.add_argument("--perf", action="store_true", help="write a map of the compiled functions for Linux perf")
    parser.add_argument("--log", metavar="PATH", help="log what is compiled to this file, or to stderr")
    parser.add_argument("--version", action="version", version=f"justjit {__version__}")
    return parser


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Our own options, and from the program on what belongs to it."""
    index = 0
    while index < len(arguments):
        argument = arguments[index]
        if argument in ("-m", "-c", "-") or not argument.startswith("-"):
            break
        if argument == "--":
            return arguments[:index], arguments[index + 1 :]
        index += 2 if argument in _WITH_VALUE else 1
    return arguments[:index], arguments[index:]


def _program(parser: argparse.ArgumentParser, words: list[str]) -> Program:
    if not words:
        parser.error("which program? Give a script, -m module or -c code")
    kind, *rest = words
    if kind not in ("-m", "-c"):
        return Program("script", kind, rest)
    if not rest:
        parser.error(f"{kind} needs {'a module' if kind == '-m' else 'code'}")
    return Program("module" if kind == "-m" else "code", rest[0], rest[1:])


def main() -> None:
    """Parse the command line, set what it asks for, run the program."""
    arguments = sys.argv[1:]
    profiles = arguments[:1] == ["profile"]
    own, words = _split(arguments[profiles:])
    parser = _parser(profiles)
    options = parser.parse_args(own)
    program = _program(parser, words)
    settings: dict[str, Any] = {
        "tier": options.tier,
        "baseline_calls": options.baseline_calls,
        "code_memory_limit": options.code_memory_limit,
        "perf_map": True if options.perf else None,
    }
    if options.log:
        from justjit._log import open_log

        try:
            open_log(options.log)
        except OSError as error:
            parser.error(f"--log {options.log}: {error.strerror or error}")
    config(**{name: value for name, value in settings.items() if value is not None})
    if options.stats:
        _print_stats_at_exit()
    if profiles:
        _run_profiled(program, options)
    else:
        enable()
        run(program)


def _run_profiled(program: Program, options: argparse.Namespace) -> None:
    from justjit._profile import Profile

    profile = Profile() if options.interval is None else Profile(options.interval)
    if options.json:
        try:  # before the program runs, rather than after
            open(options.json, "w", encoding="utf-8").close()
        except OSError as error:
            raise SystemExit(f"python -m justjit profile: --json {options.json}: {error.strerror or error}") from None
    process = os.getpid()
    path = os.path.abspath(options.json) if options.json else None
    enable()
    profile.start()
    try:
        run(program)
    finally:
        if os.getpid() == process:  # not again in a forked child
            profile.stop()
            if path is not None:
                with open(path, "w", encoding="utf-8") as file:
                    file.write(profile.as_json() + "\n")
            elif sys.stderr is not None:
                print(profile.table(15 if options.limit is None else options.limit), file=sys.stderr)


def _print_stats_at_exit() -> None:
    import atexit

    process = os.getpid()

    def print_stats() -> None:
        if os.getpid() == process and sys.stderr is not None:  # not again in a forked child
            from justjit import stats

            print(stats(), file=sys.stderr)

    atexit.register(print_stats)


if __name__ == "__main__":
    main()
