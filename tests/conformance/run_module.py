"""Runs one test module in this process and writes each test's result as a line of JSON: ``run_module.py NAME FILE MODE``.

``FILE`` gets a line as each test starts and as it ends, so that a crash shows which test it was in.
"""

import json
import os
import signal
import sys
import unittest

name, path, mode = sys.argv[1:4]
# Whoever started this in the background may have had it ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
out = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)


def write(*words: object) -> None:
    os.write(out, (json.dumps(words) + "\n").encode())


def identify(test: unittest.TestCase) -> str:
    kind = f"{type(test).__module__}.{type(test).__qualname__}"
    return test.id() if test.id().startswith(kind) else f"{kind}: {test}"


class Result(unittest.TestResult):
    """Each test's outcome is the worst that was said of it; of an error, only its type counts."""

    def startTest(self, test):
        super().startTest(test)
        self.outcome = "ok"
        write("start", identify(test))

    def stopTest(self, test):
        super().stopTest(test)
        write("end", identify(test), self.outcome)

    def _note(self, test, outcome, error=None):
        if error is not None:
            outcome = f"{outcome}: {error[0].__name__}"
            write("detail", identify(test), str(self._exc_info_to_string(error, test))[-3000:])
        if isinstance(test, unittest.TestCase):
            self.outcome = outcome
        else:
            write("end", str(test), outcome)

    def addError(self, test, err):
        self._note(test, "error", err)

    def addFailure(self, test, err):
        self._note(test, "failure", err)

    def addSkip(self, test, reason):
        self._note(test, "skipped")

    def addExpectedFailure(self, test, err):
        self._note(test, "expected failure")

    def addUnexpectedSuccess(self, test):
        self._note(test, "unexpected success")

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self._note(test, "failure" if issubclass(err[0], test.failureException) else "error", err)


if mode == "compiled":
    import justjit

    justjit.config(baseline_calls=0)
    justjit.enable()

import random

import test.support
from test.support import os_helper

random.seed(1)
test.support.verbose = 0
test.support.use_resources = {}  # as regrtest without -u
with os_helper.temp_cwd():
    module = __import__(f"test.{name}", fromlist=["_"])
    loader = unittest.TestLoader()
    suite = loader.loadTestsFromModule(module)
    for error in loader.errors:
        write("end", "load error", error.strip().splitlines()[-1])
    suite.run(Result())
write("done", name, "")
"""Not sys.exit(): what the interpreter does while it shuts down is part of the test."""
