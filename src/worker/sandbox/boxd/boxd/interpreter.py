"""Makes a fork of boxd look like an interpreter that was started for a program."""

import os
import sys
import types
from collections import namedtuple

_own_modules = frozenset(sys.modules)
_flag_names = [name for name in dir(sys.flags) if not name.startswith(("_", "n_")) and name not in ("count", "index")]
_Flags = namedtuple("flags", _flag_names)
_flags = _Flags(**{name: getattr(sys.flags, name) for name in _flag_names})._replace(isolated=0, ignore_environment=0, no_user_site=0)
if "safe_path" in _flag_names:
    _flags = _flags._replace(safe_path=False)


class Main(types.ModuleType):
    """
    `__main__` of a program that came as text. Its file is written only when somebody asks the module for it, as a spawned
    process of `multiprocessing` does, which imports its parent's main module from there.
    """

    def __getattribute__(self, name):
        return _file_of_text() if name == "__file__" and _text["source"] is not None else super().__getattribute__(name)


# Beyond these it costs less to ask for each module by its name.
MOST_ENTRIES = 100
_text = {"source": None, "path": None}


def _file_of_text():
    if _text["path"] is None:
        _text["path"] = _write_source(_text["source"])
    return _text["path"]


def set_up_ahead():
    """What does not depend on the program: modules, flags, standard streams. `set_up` follows."""
    for name in [name for name in sys.modules if name == "_boxd" or name.startswith("_boxd.")]:
        del sys.modules[name]
    sys.flags = _flags
    open_streams()


def set_up(box, argv, env, script=None):
    """All else but `__main__`: environment and paths. `script` is the path of a program in a file."""
    os.environ.update(env)
    sys.argv = argv
    python = f"{box.packages}/python/bin/python3"
    if os.path.exists(python):
        sys.executable = python
        sys.prefix = sys.exec_prefix = f"{box.packages}/python"
    else:
        sys.executable = "/usr/bin/python3"
    paths = [box.workspace]
    if script is not None and os.path.dirname(script) != box.workspace:
        paths.insert(0, os.path.dirname(script))
    paths += [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    _forget_shadowed(paths)
    system = [entry for entry in sys.path if entry.endswith("-packages")]
    sys.path[:] = paths + [entry for entry in sys.path if entry not in system]
    add_packages(box.site_packages())
    sys.path += system


def add_packages(folder):
    """Puts installed packages on the path, and obeys their .pth files."""
    import site

    if os.path.isdir(folder):
        site.addsitedir(folder)
    elif folder not in sys.path:
        sys.path.append(folder)


def _forget_shadowed(paths):
    """A file of the workspace that has the name of a preloaded module wins, as it would in a new interpreter."""
    tops = {name for name in sys.modules if "." not in name and name not in _own_modules}
    for folder in paths:
        for name in tops & _names_in(folder, tops):
            if os.path.exists(f"{folder}/{name}.py") or os.path.exists(f"{folder}/{name}/__init__.py"):
                for loaded in [module for module in sys.modules if module == name or module.startswith(f"{name}.")]:
                    del sys.modules[loaded]


def _names_in(folder, otherwise):
    """Modules and packages that a folder may hold; of one with more entries than are looked through, all that may matter."""
    found = set()
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if len(found) >= MOST_ENTRIES:
                    return otherwise
                found.add(entry.name.removesuffix(".py"))
    except FileNotFoundError:
        return found
    except OSError:
        return otherwise
    return found


def open_streams():
    """
    New text streams on 0, 1, 2. Output is flushed line by line although it goes to a pipe: what a program printed before it was
    killed, or while it runs, is to be seen.
    """
    import io

    for name, fd, mode, errors in (("stdin", 0, "r", "surrogateescape"), ("stdout", 1, "w", "surrogateescape"), ("stderr", 2, "w", "backslashreplace")):
        stream = io.open(fd, mode, encoding="utf-8", errors=errors, closefd=False)
        if mode == "w":
            stream.reconfigure(line_buffering=True)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def make_main(filename, source=None):
    """A new `__main__`. `source` given: the program has no file."""
    module = types.ModuleType("__main__") if source is None else Main("__main__")
    variables = module.__dict__
    variables.update(__builtins__=__import__("builtins"), __file__=filename, __cached__=None, __annotations__={})
    if source is not None:
        _text.update(source=source, path=None)
    sys.modules["__main__"] = module
    return module


def remember(name, source):
    """Lets tracebacks and `inspect` show lines of a text that is in no file."""
    import linecache

    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)


def _write_source(source):
    import atexit
    import shutil
    import tempfile

    folder, owner = tempfile.mkdtemp(prefix="boxd-main-"), os.getpid()
    path = os.path.join(folder, "main.py")
    with open(path, "w", encoding="utf-8", errors="surrogatepass") as file:
        file.write(source)
    # A fork of the program must not remove what its parent still needs.
    atexit.register(lambda: os.getpid() == owner and shutil.rmtree(folder, ignore_errors=True))
    return path


def show(error, skip):
    """Prints an uncaught exception as the interpreter does, without boxd's own frames."""
    trace = error.__traceback__
    for _ in range(skip):
        trace = trace.tb_next if trace is not None else None
    error.__traceback__ = trace
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, trace
    if sys.stdout is not None:
        try:
            sys.stdout.flush()
        except (OSError, ValueError):
            pass  # the exit tells of it
    if sys.excepthook is not sys.__excepthook__:
        sys.excepthook(type(error), error, trace)
        return
    import traceback

    traceback.print_exception(type(error), error, trace)


def exit_code(error):
    """The exit code a SystemExit stands for; a text is printed."""
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    print(error.code, file=sys.stderr)
    return 1
