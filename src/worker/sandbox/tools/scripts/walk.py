"""Which files a workspace has, as far as tests and linters care. Comes before the scripts that use it."""

import json
import os
import shutil
import sys

SKIPPED = {"node_modules", "__pycache__", "venv", "site-packages"}
MOST_ENTRIES = 20000


def walk(start="."):
    """Relative paths of files, those of a folder before those below it. Follows no links and ends after many entries."""
    seen = 0
    for folder, folders, files in os.walk(start):
        folders[:] = sorted(name for name in folders if name not in SKIPPED and not name.startswith("."))
        for name in sorted(files):
            seen += 1
            if seen > MOST_ENTRIES:
                return
            yield os.path.normpath(os.path.join(folder, name))


def read_text(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(1 << 20)
    except OSError:
        return ""


def find_program(name):
    """A program of the project's own packages, else one on the path."""
    for folder in ("node_modules/.bin", ".venv/bin"):
        candidate = os.path.abspath(os.path.join(folder, name))
        if os.access(candidate, os.X_OK):
            return candidate
    return shutil.which(name)


def as_json(text):
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
