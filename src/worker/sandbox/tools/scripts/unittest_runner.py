"""Runs unittest with its own command line, and writes a report to argv[1]."""

import json
import os
import sys
import traceback
import unittest


class Result(unittest.TextTestResult):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.passed, self.notes = 0, []

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1

    def addExpectedFailure(self, test, err):
        super().addExpectedFailure(test, err)
        self.passed += 1

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.notes.append({"id": test.id(), "message": "unexpected success", "file": None, "line": None})

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._note(test, err)

    def addError(self, test, err):
        super().addError(test, err)
        self._note(test, err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._note(subtest, err)

    def _note(self, test, err):
        # The innermost frame of the workspace's own code says most.
        frames = [f for f in traceback.extract_tb(err[2]) if f.filename.startswith(os.getcwd() + os.sep)]
        place = frames[-1] if frames else None
        self.notes.append(
            {
                "id": test.id(),
                "message": "".join(traceback.format_exception_only(err[0], err[1])).strip(),
                "file": place and os.path.relpath(place.filename),
                "line": place and place.lineno,
            }
        )


report, sys.argv = sys.argv[1], ["python -m unittest", *sys.argv[2:]]
program = unittest.main(module=None, exit=False, testRunner=unittest.TextTestRunner(resultclass=Result))
result = program.result
failed, errors, skipped = len(result.failures) + len(result.unexpectedSuccesses), len(result.errors), len(result.skipped)
with open(report, "w", encoding="utf-8") as file:
    counts = {"passed": result.passed, "failed": failed, "skipped": skipped, "errors": errors}
    json.dump({**counts, "failures": result.notes}, file)
sys.exit(0 if result.wasSuccessful() else 1)
