"""Tells which test frameworks fit the workspace. Follows walk.py; argv[1] is where to look, and may be empty."""

import importlib.util
import re
import subprocess

NODE_TEST = re.compile(r"(^|/)(test|test-[^/]+|[^/]+[._-]test)\.[cm]?[jt]s$|(^|/)test/.*\.[cm]?[jt]s$")
PYTEST_FILE = re.compile(r"(^|/)(test_[^/]*|[^/]*_test)\.py$")
UNITTEST_FILE = re.compile(r"(^|/)test[^/]*\.py$")
SITE = "/env/python/lib/python%d.%d/site-packages" % sys.version_info[:2]
MOST_FILES = 1000


def dependencies():
    package = as_json(read_text("package.json"))
    kinds = [package.get("dependencies"), package.get("devDependencies"), package.get("peerDependencies")]
    return {name for kind in kinds if isinstance(kind, dict) for name in kind}


def is_pytest_configured():
    if any(os.path.exists(name) for name in ("pytest.ini", ".pytest.ini", "conftest.py")):
        return True
    sections = {"pyproject.toml": r"^\[tool\.pytest\b", "tox.ini": r"^\[pytest\]", "setup.cfg": r"^\[tool:pytest\]"}
    return any(re.search(section, read_text(name), re.M) for name, section in sections.items())


def has_pytest():
    return importlib.util.find_spec("pytest") is not None or os.path.isdir(os.path.join(SITE, "pytest"))


def runs_typescript(node):
    try:
        asked = subprocess.run([node, "-p", "process.features.typescript || ''"], capture_output=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return False
    return asked.returncode == 0 and asked.stdout.strip() not in (b"", b"undefined")


def unittest_start(files):
    """The first folder from which discovery finds a test: it enters only packages."""
    folders = sorted({os.path.dirname(path) for path in files}, key=lambda folder: (folder.count("/"), folder))
    for folder in folders:
        parts = folder.split("/") if folder else []
        if all(os.path.exists(os.path.join(*parts[: at + 1], "__init__.py")) for at in range(len(parts))):
            return "."
    return folders[0] if folders else None


def main(path):
    files = [path] if path and os.path.isfile(path) else list(walk(path or "."))
    is_named = bool(path) and files == [path]
    node = find_program("node")
    node_tests = [file for file in files if NODE_TEST.search(file) or (is_named and re.search(r"\.[cm]?[jt]s$", file))]
    if node and any(re.search(r"\.[cm]?ts$", file) for file in node_tests) and not runs_typescript(node):
        node_tests = [file for file in node_tests if not re.search(r"\.[cm]?ts$", file)]
    unittests = [file for file in files if UNITTEST_FILE.search(file) or (is_named and file.endswith(".py"))]
    depends = dependencies()
    answer = {
        "vitest": {"wanted": "vitest" in depends, "program": find_program("vitest")},
        "jest": {"wanted": "jest" in depends, "program": find_program("jest")},
        "node": node,
        "nodeTests": node_tests[:MOST_FILES],
        "hasPytest": has_pytest(),
        "isPytestConfigured": is_pytest_configured(),
        "hasPytestFiles": any(PYTEST_FILE.search(file) for file in files) or (is_named and path.endswith(".py")),
        "unittestStart": unittest_start(unittests),
        "isFile": is_named,
    }
    print(json.dumps(answer))


main(sys.argv[1])
