"""Modules that programs use often, imported ahead, so that a forked run finds them."""

import gc

_MODULES = (
    "linecache traceback _ast random math datetime collections functools itertools pathlib io typing dataclasses hashlib tempfile "
    "shutil subprocess csv string textwrap copy time contextlib operator statistics decimal fractions uuid base64 zipfile glob "
    "threading queue urllib.parse urllib.request asyncio difflib site logging argparse pickle multiprocessing.context"
).split()


def steps():
    """A generator that imports one module at each step, and at last takes all of it out of the collector's sight."""
    for name in _MODULES:
        try:
            __import__(name)
        except ImportError:
            continue  # a slim distribution may lack it, and then no program gets it either
        yield name
    gc.collect()
    # Frozen objects are not touched by collections of the forks, so their pages stay shared.
    gc.freeze()
    yield "freeze"
