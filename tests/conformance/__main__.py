"""``python -m tests.conformance [module …]``: the table of all modules; exit status 1 on a difference that is not listed."""

import argparse
import concurrent.futures
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from tests.conformance.modules import MODULES

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
CACHE = ROOT / ".cache" / "conformance"


class Run(NamedTuple):
    """One module's results in one mode."""

    outcomes: dict[str, str]
    details: dict[str, str]
    seconds: float
    ended: str
    """How the process ended: "ok", "crashed with signal 11 in …", "timed out in …", …"""


class Difference(NamedTuple):
    """A test that is not the same."""

    test: str
    plain: str
    compiled: str
    detail: str


def _parse(path: Path) -> tuple[dict[str, str], dict[str, str], str | None, bool]:
    outcomes: dict[str, str] = {}
    details: dict[str, str] = {}
    running, done = None, False
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            kind, name, *rest = json.loads(line)
        except ValueError:
            continue  # a line that a crash cut short
        if kind == "start":
            running = name
        elif kind == "detail":
            details[name] = rest[0]
        elif kind == "end":
            count = 2
            known = name
            while known in outcomes:  # the same identifier twice in a module
                known = f"{name} #{count}"
                count += 1
            outcomes[known], running = rest[0], None
        else:
            done = True
    return outcomes, details, running, done


def run_module(name: str, mode: str, timeout: float, settings: dict[str, str] | None = None) -> Run:
    """Run one module in a process of its own; ``settings`` are environment variables for justjit."""
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder, "results")
        environment = {key: value for key, value in os.environ.items() if not key.startswith("JUSTJIT_")}
        environment |= {"PYTHONHASHSEED": "0", "TMPDIR": folder, "PYTHONWARNINGS": "ignore"} | (settings or {})
        command = [sys.executable, "-X", "faulthandler", str(HERE / "run_module.py"), name, str(results), mode]
        started = time.monotonic()
        with Path(folder, "output").open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            try:
                status: int | None = process.wait(timeout)
            except subprocess.TimeoutExpired:
                status = None
                os.killpg(process.pid, 9)
                process.wait()
        seconds = time.monotonic() - started
        outcomes, details, running, done = _parse(results)
        tail = Path(folder, "output").read_text(errors="replace")[-2000:]
    where = f" in {running}" if running else ""
    if status is None:
        ended = f"timed out{where}"
    elif status < 0:
        ended = f"crashed with signal {-status}{where}"
    elif not done:
        ended = f"ended early with status {status}{where}"
    else:
        ended = "ok" if status == 0 else f"status {status}"
    if ended != "ok":
        details[ended] = tail
    return Run(outcomes, details, seconds, ended)


def plain_run(name: str, timeout: float, fresh: bool) -> Run:
    """The module without justjit; remembered for this very interpreter."""
    version = sys.version.replace(" ", "_").replace("/", "_").split("\n")[0]
    file = CACHE / f"{version}-{name}.json"
    if file.exists() and not fresh:
        return Run(*json.loads(file.read_text()))
    found = run_module(name, "plain", timeout)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(found))
    return found


def compare(plain: Run, compiled: Run, name: str) -> list[Difference]:
    """Tests whose outcome differs, and a differing end of the process."""
    found = []
    for test in {**plain.outcomes, **compiled.outcomes}:
        one, other = plain.outcomes.get(test, "not run"), compiled.outcomes.get(test, "not run")
        if one != other:
            found.append(Difference(test, one, other, compiled.details.get(test, "")))
    if plain.ended != compiled.ended:
        found.append(
            Difference(f"{name} (process)", plain.ended, compiled.ended, compiled.details.get(compiled.ended, ""))
        )
    return found


def listed_differences() -> dict[str, str]:
    """Test and reason, a line each, from differences.txt."""
    lines = (HERE / "differences.txt").read_text().splitlines()
    entries = [line.split(" — ", 1) for line in lines if line.strip() and not line.startswith("#")]
    bad = [entry for entry in entries if len(entry) != 2 or not entry[1].strip()]
    if bad:
        raise SystemExit(f"differences.txt: no reason given in {bad[0][0]!r}")
    return {test.strip(): reason.strip() for test, reason in entries}


def main() -> int:
    """Run what the command line asks for and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("modules", nargs="*", help="which modules (default: all that are listed)")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time (default: 2)")
    parser.add_argument("--timeout", type=float, default=300, help="seconds for a module (default: 300)")
    parser.add_argument("--fresh", action="store_true", help="run the plain tests again, too")
    parser.add_argument("--plain-only", action="store_true", help="only run the tests without justjit")
    parser.add_argument("--details", action="store_true", help="print the tracebacks of what differs")
    parser.add_argument(
        "--stress", choices=["optimize", "deopt"], help="optimize everything as soon as it has been run"
    )
    parser.add_argument("--backend", choices=["llvm", "cranelift"], help="who generates optimized code")
    options = parser.parse_args()
    settings = {"JUSTJIT_STRESS": options.stress, "JUSTJIT_BACKEND": options.backend}
    settings = {key: value for key, value in settings.items() if value}
    names, listed = options.modules or MODULES, listed_differences()

    def both(name: str) -> tuple[Run, Run | None]:
        plain = plain_run(name, options.timeout, options.fresh)
        return plain, None if options.plain_only else run_module(name, "compiled", options.timeout, settings)

    print(f"{'module':<40}{'tests':>7}{'same':>7}{'listed':>8}{'differ':>8}{'plain':>9}{'compiled':>10}")
    totals, unlisted, seen = [0, 0, 0, 0], [], set()
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for name, (plain, compiled) in zip(names, pool.map(both, names), strict=True):
            found = [] if compiled is None else compare(plain, compiled, name)
            new = [difference for difference in found if difference.test not in listed]
            seen |= {difference.test for difference in found}
            tests = len(plain.outcomes)
            row = [tests, max(0, tests - len(found)), len(found) - len(new), len(new)]
            totals = [a + b for a, b in zip(totals, row, strict=True)]
            unlisted += new
            times = f"{plain.seconds:>8.1f}s" + (f"{compiled.seconds:>9.1f}s" if compiled else "")
            print(f"{name:<40}{row[0]:>7}{row[1]:>7}{row[2]:>8}{row[3]:>8}{times}", flush=True)
    print(f"{'all':<40}{totals[0]:>7}{totals[1]:>7}{totals[2]:>8}{totals[3]:>8}")
    for test, plain_outcome, compiled_outcome, detail in unlisted:
        print(f"\n{test}\n  plain: {plain_outcome}\n  compiled: {compiled_outcome}")
        if options.details and detail:
            print("    " + detail.rstrip().replace("\n", "\n    "))
    if not options.modules and not options.plain_only:
        for test in sorted(set(listed) - seen):
            print(f"\nlisted in differences.txt, but the same: {test}")
    return 1 if unlisted else 0


if __name__ == "__main__":
    sys.exit(main())
