"""Makes room for packages (prepare), and tells which are there (inspect). Answers one line of JSON."""

import importlib.metadata as metadata
import importlib.util
import json
import os
import re
import shutil
import sys

TEMPORARY = "/env/tmp"
NODE = "/env/node"
SITE = "/env/python/lib/python%d.%d/site-packages" % sys.version_info[:2]
MOST = 2000


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def describe(distribution):
    name, version = distribution.metadata["Name"], distribution.version
    if not name or not version:
        return None
    return {"name": name, "version": version, "location": str(distribution.locate_file(""))}


def python_packages(path=None):
    found = {}
    for distribution in metadata.distributions(path=path) if path else metadata.distributions():
        try:
            item = describe(distribution)
        except Exception:
            continue  # one that is broken does not hide the others
        if item:
            found.setdefault(canonical(item["name"]), item)
    return found


def node_packages():
    found = {}
    root = os.path.join(NODE, "node_modules")
    try:
        with open(os.path.join(root, ".package-lock.json"), encoding="utf-8") as file:
            entries = json.load(file)["packages"]
    except (OSError, ValueError, KeyError):
        return found
    for path, entry in entries.items():
        name = path.rpartition("node_modules/")[2]
        if path.count("node_modules/") == 1 and isinstance(entry, dict) and entry.get("version"):
            found[name] = {"name": name, "version": str(entry["version"]), "location": os.path.join(NODE, path)}
    return found


def satisfies(requirement, version):
    try:
        from pip._vendor.packaging.requirements import Requirement

        return Requirement(requirement).specifier.contains(version, prereleases=True)
    except Exception:
        return True  # pip judges by itself; this only tells which of several failed


def prepare(manager):
    os.makedirs(TEMPORARY, exist_ok=True)
    if manager == "node":
        os.makedirs(NODE, exist_ok=True)
        return bool(shutil.which("npm"))
    if importlib.util.find_spec("pip") is None:
        return False
    if not os.path.exists("/env/python/bin/python"):
        import venv

        venv.EnvBuilder(system_site_packages=True, with_pip=False, symlinks=True).create("/env/python")
    return True


def main(action, manager, *requested):
    has_manager = prepare(manager) if action == "prepare" else True
    private = python_packages([SITE]) if manager == "python" else node_packages()
    answer = {"hasManager": has_manager, "packages": list(private.values())[:MOST], "requested": []}
    if action == "inspect":
        shutil.rmtree(TEMPORARY, ignore_errors=True)
        usable = {**(python_packages() if manager == "python" else {}), **private}
        for pair in requested:
            requirement, name = json.loads(pair)
            item = usable.get(canonical(name) if manager == "python" else name)
            if item and manager == "python" and not satisfies(requirement, item["version"]):
                item = None
            answer["requested"].append(item)
    print(json.dumps(answer))


main(*sys.argv[1:])
