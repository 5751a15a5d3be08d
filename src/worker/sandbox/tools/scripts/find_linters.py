"""Tells which linters are there, and what there is for them. Follows walk.py; argv[1:] are the paths that were asked for."""

import re

TOOLS = ("ruff", "mypy", "eslint", "tsc")
ESLINT = re.compile(r"(^|/)(eslint\.config\.[cm]?[jt]s|\.eslintrc(\.(json|[cm]?js|ya?ml))?)$")


def all_files(paths):
    for path in paths or ["."]:
        if os.path.isfile(path):
            yield path
        else:
            yield from walk(path)


def main(*paths):
    kinds = {os.path.splitext(path)[1] for path in all_files(paths)}
    configs = [name for name in sorted(os.listdir(".")) if ESLINT.search(name)]
    answer = {
        "programs": {tool: find_program(tool) for tool in TOOLS},
        "hasPython": bool(kinds & {".py", ".pyi"}),
        "hasScript": bool(kinds & {".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx"}),
        "hasTypescript": bool(kinds & {".ts", ".mts", ".cts", ".tsx"}),
        "hasTsconfig": os.path.isfile("tsconfig.json"),
        "hasEslintConfig": bool(configs) or "eslintConfig" in as_json(read_text("package.json")),
    }
    print(json.dumps(answer))


main(*sys.argv[1:])
