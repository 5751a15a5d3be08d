"""A stateful context from inside its process: runs one cell after another in the same globals."""

import _ast
import fcntl
import os
import signal
import sys

from _boxd import frames, interpreter, lanes, limit_signs, python_run

MAX_RESULT = 64 * 1024
MAX_KEPT_SOURCES = 500
# Flags of compile(), which `ast` gives names to but is slow to import.
_ONLY_TREE, _AWAIT = 0x400, 0x2000
_state = {"running": False, "interrupted": False, "count": 0, "runner": None, "packages": None}


def serve(box, fds, lane=None):
    """Never returns before the pipe of requests ends. `lane`: key and marks of the lane whose descriptor comes last."""
    python_run.take_stdio(fds[:3])
    # Out of the way of programs that count on low numbers.
    requests, replies, *rest = (fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 500) for fd in fds[3:])
    for fd in fds[3:]:
        os.close(fd)
    end = lanes.ContextEnd(*rest, *lane, os.path.join(box.workspace, "artifacts")) if lane is not None else None
    next_request, encode, write_all = lanes.Inbox(requests, end).next, frames.encode, frames.write_all
    base = frozenset(sys.modules)
    interpreter.set_up_ahead()
    interpreter.set_up(box, [""], {})
    main = interpreter.make_main(os.path.join(box.workspace, "<cell>"))
    packages, owner = box.site_packages(), os.getpid()
    _state["packages"] = _changed(packages)
    while True:
        request, way = next_request()
        if request is None:
            return python_run.leave(0, base)
        if way is not None:
            limit_signs.forget_own()
        reply = _cell(main.__dict__, request, packages)
        if os.getpid() != owner:
            # A fork that the cell made came to the cell's end; the answer is its parent's business.
            return python_run.leave(max(reply["exit"], 0), base)
        if way is None:
            write_all(replies, encode(reply))
        else:
            way.answer(reply)


def on_interrupt(_signal, _frame):
    if _state["running"]:
        raise KeyboardInterrupt
    _state["interrupted"] = True


def _cell(variables, request, packages):
    header, stdin = request
    changed = _changed(packages)
    if changed != _state["packages"]:
        _state["packages"] = changed
        interpreter.add_packages(packages)
        sys.modules["importlib"].invalidate_caches() if "importlib" in sys.modules else sys.path_importer_cache.clear()
    env, before = header["env"], {}
    for name, value in env.items():
        before[name] = os.environ.get(name)
        os.environ[name] = value
    if stdin:
        _feed(stdin)
    reply = {"exit": 0}
    try:
        _state["running"] = True
        # An interrupt may arrive before its cell has begun; one that came too late for the cell before is not for this one.
        if _state["interrupted"] and not header.get("stale"):
            raise KeyboardInterrupt
        _run(header["code"], variables, reply)
        _flush()
        _state["running"] = False
    except BaseException as error:
        _state["running"] = False
        _explain(error, reply)
    _state["interrupted"] = False
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    if stdin:
        _unfeed()
    return reply


def _run(code, variables, reply):
    _state["count"] += 1
    name = f"<cell {_state['count']}>"
    interpreter.remember(name, code)
    if _state["count"] > MAX_KEPT_SOURCES:
        sys.modules["linecache"].cache.pop(f"<cell {_state['count'] - MAX_KEPT_SOURCES}>", None)
    last = _expression(code, name)
    if last is None:
        tree = compile(code, name, "exec", _ONLY_TREE | _AWAIT, dont_inherit=True)
        value = tree.body.pop().value if tree.body and isinstance(tree.body[-1], _ast.Expr) else None
        if tree.body:
            _evaluate(compile(tree, name, "exec", _AWAIT, dont_inherit=True), variables)
        if value is not None:
            last = compile(_ast.Expression(value), name, "eval", _AWAIT, dont_inherit=True)
    if last is not None:
        value = _evaluate(last, variables)
        if value is not None:
            text = repr(value)
            reply["result"] = text if len(text) <= MAX_RESULT else text[: MAX_RESULT - 1] + "…"


def _expression(code, name):
    """
    The code of a cell that is one expression on one line, as most are that look at something; None for any other. It saves the tree,
    which costs more than all else here. What a parser may warn of is left to the one that reads all of the cell.
    """
    if "\n" in code or "\\" in code or code[:1].isspace():
        return None
    try:
        return compile(code, name, "eval", _AWAIT, dont_inherit=True)
    except SyntaxError:
        return None


def _evaluate(code, variables):
    value = eval(code, variables)
    if not code.co_flags & 0x80:  # CO_COROUTINE: it awaits at top level
        return value
    import asyncio

    if _state["runner"] is None:
        # One event loop for all cells, so that what one starts another can await.
        _state["runner"] = asyncio.Runner()
    return _state["runner"].run(value)


def _explain(error, reply):
    """Exit code and traceback of a cell that raised; nothing it does to our own printing may end the context."""
    reply.pop("result", None)
    try:
        if isinstance(error, SystemExit):
            reply["exit"] = interpreter.exit_code(error)
        else:
            limit_signs.note(error)
            interpreter.show(error, _own_frames(error.__traceback__))
            reply["exit"] = -signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
        _flush()
    except BaseException:
        reply["exit"] = 1


def _own_frames(trace):
    count, folder = 0, os.path.dirname(__file__)
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(folder):
        count, trace = count + 1, trace.tb_next
    return count


def _flush():
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            stream.flush()


def _feed(data):
    import io

    fd = os.memfd_create("stdin")
    frames_left = memoryview(data)
    while frames_left:
        frames_left = frames_left[os.write(fd, frames_left) :]
    os.lseek(fd, 0, os.SEEK_SET)
    os.dup2(fd, 0)
    os.close(fd)
    sys.stdin = io.open(0, encoding="utf-8", errors="surrogateescape", closefd=False)


def _unfeed():
    import io

    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    sys.stdin = io.open(0, encoding="utf-8", errors="surrogateescape", closefd=False)


def _changed(folder):
    try:
        return os.stat(folder).st_mtime_ns
    except OSError:
        return None
