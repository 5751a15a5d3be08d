"""Brings a report of tests (argv[1]: junit, jest or plain; argv[2]: file) to one short form, and removes it."""

import json
import os
import re
import sys
import xml.etree.ElementTree as ElementTree

MOST_BYTES = 64 << 20
MOST_FAILURES, MOST_TEXT, MOST_NAME = 50, 2000, 500
ROOT = os.getcwd()
PLACE = re.compile(r"(?:file://)?" + re.escape(ROOT) + r"/([^:()\s]+):(\d+)(?::\d+)?")
# What a stack says about the runner, not about the test.
FOREIGN_FRAME = re.compile(r"^[ \t]+at (?!.*%s/(?!node_modules/)).*(?:\n|$)" % re.escape(ROOT), re.M)


class Report:
    def __init__(self):
        self.counts = dict.fromkeys(("passed", "failed", "skipped", "errors"), 0)
        self.failures = []

    def add(self, outcome, identity="", message="", file=None, line=None):
        self.counts[outcome] += 1
        if outcome in ("failed", "errors") and len(self.failures) < MOST_FAILURES:
            self.note(identity, message, file, line)

    def note(self, identity, message, file, line):
        text = re.sub(r"\x1b\[[0-9;]*m", "", str(message or "")).strip()[:MOST_TEXT]
        name = str(file)[:MOST_NAME] if file else None
        number = line if isinstance(line, int) and 0 < line < 1 << 31 else None
        self.failures.append({"id": str(identity)[:MOST_NAME], "file": name, "line": number, "message": text})


def place_in(text):
    """The first place in the workspace's own code that a stack names."""
    for found in PLACE.finditer(text):
        if "node_modules/" not in found[1]:
            return found[1], int(found[2])
    return None, None


def inside(path):
    return os.path.relpath(path, ROOT) if path and os.path.isabs(path) else path


def junit(report, content):
    def visit(element, names):
        for child in element:
            if child.tag == "testcase":
                case(report, child, names)
            elif child.tag in ("testsuite", "testsuites"):
                visit(child, [*names, child.get("name") or ""])

    root = ElementTree.fromstring(content)
    # A suite may be the root itself; its name is the runner's, not a test's.
    visit(root, [])


def case(report, element, names):
    outcome, details = "passed", None
    for tag, name in (("skipped", "skipped"), ("error", "errors"), ("failure", "failed")):
        found = element.find(tag)
        if found is not None:
            outcome, details = name, found
    if details is None or outcome == "skipped":
        return report.add(outcome)
    text = details.text or ""
    file, line = inside(element.get("file")), None
    own = None if not file else re.findall(r"^" + re.escape(file) + r":(\d+):", text, re.M)
    if own:
        line = int(own[-1])
    elif element.get("line", "").isdigit():
        line = int(element.get("line")) + 1
    if line is None:
        found, line = place_in(text)
        file = found or file
    report.add(outcome, identity_of(element, file, names), details.get("message") or text, file, line)


def identity_of(element, file, names):
    name, owner = element.get("name") or "", element.get("classname") or ""
    if not file or not file.endswith(".py"):
        return " > ".join([*(part for part in names if part), inside(name)])
    module = file[: -len(".py")].replace("/", ".")
    inner = owner[len(module) :].strip(".") if owner.startswith(module) else ""
    return "::".join([file, *(part for part in inner.split(".") if part), name])


JEST = {"passed": "passed", "failed": "failed", "pending": "skipped", "skipped": "skipped", "todo": "skipped", "disabled": "skipped"}


def jest(report, content):
    for suite in json.loads(content).get("testResults") or []:
        file = inside(suite.get("name"))
        cases = suite.get("assertionResults") or []
        for each in cases:
            outcome = JEST.get(each.get("status"), "errors")
            if outcome in ("passed", "skipped"):
                report.add(outcome)
                continue
            text = "\n".join(str(part) for part in each.get("failureMessages") or [])
            where, line = place_in(text)
            place = each.get("location") or {}
            name = each.get("fullName") or each.get("title")
            report.add(outcome, name, FOREIGN_FRAME.sub("", text), where or file, line or place.get("line"))
        if not cases and suite.get("status") == "failed":
            text = suite.get("message") or suite.get("failureMessage") or "the file could not be run"
            report.add("errors", file, text, file, place_in(text)[1])


def plain(report, content):
    given = json.loads(content)
    report.counts = {name: int(given[name]) for name in report.counts}
    for note in given["failures"][:MOST_FAILURES]:
        report.note(note["id"], note["message"], note["file"], note["line"])


def main(form, path):
    report = Report()
    try:
        with open(path, "rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise ValueError("the report is too large")
        {"junit": junit, "jest": jest, "plain": plain}[form](report, content)
    except Exception:
        # There is none, or none that can be read: what the program printed has to tell.
        print("null")
    else:
        print(json.dumps({**report.counts, "failures": report.failures}))
    finally:
        if os.path.lexists(path):
            os.unlink(path)


main(*sys.argv[1:])
