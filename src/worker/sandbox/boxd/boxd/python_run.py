"""A Python program in a fork of the warm interpreter, with fresh globals."""

import os
import signal
import sys

from _boxd import files, interpreter, limit_signs, processes
from _boxd.failure import Failure, field, text_map
from _boxd.runs import Run
from _boxd.standby import Standby

CODE_NAME = "<code>"


def start_python(box, request_id, header, payload):
    code, file = field(header, "code", str, None), field(header, "file", str, None)
    args = field(header, "args", list, [])
    if (code is None) == (file is None) or not all(isinstance(item, str) and "\0" not in item for item in args):
        raise Failure("VALIDATION_ERROR", "must provide either 'code' or 'file' parameter")
    env = text_map(header, "env")
    if file is None:
        script, source, argv = None, code, ["-c", *args]
    else:
        script, source = _load(box, file)
        argv = [file, *args]
    run = Run(box, request_id, header, payload)
    # The standard streams come as 3, 4, 5 and are moved to where a program has them.
    job = source, script, argv, env
    if not run.begin_in(job):
        run.begin(lambda *stdio: processes.fork(lambda *fds: _program(box, fds, lambda: job), stdio))
    box.standby.want()


def _load(box, path):
    """Absolute path and bytes of a program in the workspace; read here, where links are not followed out of it."""
    with box.root.locate(path) as place:
        fd, state = files.open_regular(place)
        try:
            if state.st_size > files.MAX_TEXT:
                raise Failure("FILE_TOO_LARGE", f"File too large to run: {path} ({state.st_size} bytes)")
            return os.path.join(box.workspace, place.shown), files.read_whole(fd)
        finally:
            os.close(fd)


def take_stdio(fds):
    """Puts the kept descriptors where a program has its standard streams."""
    for at, fd in enumerate(fds):
        os.dup2(fd, at)
        os.close(fd)


def standby(box, kept_ms):
    """What waits for the next program of the box."""
    return Standby(box, lambda fds, next_job: _program(box, fds, next_job), kept_ms)


def _program(box, fds, next_job):
    take_stdio(fds)
    base = frozenset(sys.modules)
    interpreter.set_up_ahead()
    job = next_job()
    if job is None:
        return 0
    source, script, argv, env = job
    interpreter.set_up(box, argv, env, script)
    if script is None:
        interpreter.remember(CODE_NAME, source)
        main = interpreter.make_main(os.path.join(box.workspace, CODE_NAME), source)
    else:
        main = interpreter.make_main(script)
    status = _execute(source, script or CODE_NAME, main)
    del main
    return leave(status, base)


def _execute(source, filename, main):
    try:
        try:
            exec(compile(source, filename, "exec", dont_inherit=True), main.__dict__)
        except SystemExit as error:
            return interpreter.exit_code(error)
        except BaseException as error:
            limit_signs.note(error)
            # One frame of ours, unless the text did not compile: then the traceback is ours alone.
            interpreter.show(error, 1)
            return -signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
    except SystemExit as error:  # of an excepthook
        return interpreter.exit_code(error)
    return 0


def leave(status, base):
    """Ends like an interpreter: joins threads, runs exit handlers, destroys what the program made, flushes."""
    import atexit

    threading = sys.modules.get("threading")
    try:
        if threading is not None:
            threading._shutdown()
    except BaseException as error:
        interpreter.show(error, 1)
    atexit._run_exitfuncs()
    flushed = _flush()
    # First of all, because the collector may close a file before the buffer in front of it.
    _flush_files()
    if threading is None or threading.active_count() <= 1:
        # With daemon threads about, taking away their globals would make them print errors.
        _destroy(base)
    if not (_flush() and flushed) and status == 0:
        status = 120
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


def _flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except (OSError, ValueError):
            return False
    return True


def _destroy(base):
    """Finalizers run and files are closed; the preloaded modules need no such care, and cost milliseconds."""
    import gc
    import weakref

    for name in ("last_type", "last_value", "last_traceback", "last_exc"):
        if hasattr(sys, name):
            delattr(sys, name)
    _empty(sys.modules["__main__"])
    names = ["__main__"] + [name for name in sys.modules if name not in base]
    modules = [sys.modules.pop(name) for name in names if name in sys.modules]
    left = [weakref.ref(module) for module in modules if type(module).__weakrefoffset__]
    del modules
    gc.collect()
    for reference in left:
        module = reference()
        if module is not None:
            _empty(module)
    gc.collect()


def _empty(module):
    """Takes a module's variables away, private ones first, as the interpreter does."""
    variables = getattr(module, "__dict__", None)
    if type(variables) is not dict:
        return  # programs, and the standard library itself, enter classes among the modules
    names = [name for name in variables if name != "__builtins__"]
    for name in sorted(names, key=lambda name: not (name.startswith("_") and not name.startswith("__"))):
        variables[name] = None


def _flush_files():
    import gc
    import io

    for thing in gc.get_objects():
        if isinstance(thing, (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)):
            try:
                thing.flush()
            except (OSError, ValueError):
                continue  # as in the interpreter, nobody is left to tell
