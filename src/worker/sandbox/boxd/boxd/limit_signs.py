"""
Which limit a program met, where no control group counts that: only what can be told for certain. A program that catches its
error, that raises one of its own, or that runs elsewhere than in boxd's interpreter, is said nothing of.
"""

import os

# A parser reports nesting that is too deep for it as a lack of memory.
_PARSING = frozenset(("compile", "eval", "exec", "parse", "literal_eval"))
_EMPTY = bytes(8)
_state = {"note": None, "raising": None}


def configure(limits):
    """`limits` are those that boxd keeps itself."""
    if limits.get("memoryBytes"):
        import mmap
        import opcode

        # Shared with every fork: the only word that a program's last moment leaves, but for its exit code.
        _state["note"] = mmap.mmap(-1, len(_EMPTY))
        _state["raising"] = opcode.opmap["RAISE_VARARGS"]


def clear():
    if _state["note"] is not None:
        _state["note"][:] = _EMPTY


def forget_own():
    """In the fork, before it runs something that boxd is not told of."""
    if _state["note"] is not None and of(os.getpid()):
        clear()


def note(error):
    """In the fork, before its uncaught error is printed."""
    if _state["note"] is None or not isinstance(error, MemoryError):
        return
    try:
        if _was_refused(error.__traceback__):
            _state["note"][:] = os.getpid().to_bytes(len(_EMPTY), "little")
    except MemoryError:
        return  # not even this much is left; then it stays unsaid


def of(pid):
    """`oom` when the program with this number ended, or its cell did, for want of memory; else None."""
    if _state["note"] is None or int.from_bytes(_state["note"][:], "little") != pid:
        return None
    return "oom"


def _was_refused(trace):
    """The program asked for memory and did not get it."""
    while trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code
    is_own = code.co_filename.startswith(os.path.dirname(__file__)) or code.co_filename.startswith("<frozen")
    return not is_own and code.co_code[trace.tb_lasti] != _state["raising"] and _PARSING.isdisjoint(code.co_names)
