"""boxd: carries out, inside a box, what the worker asks for over one descriptor (argv[1])."""

import os
import sys


def start():
    here = os.path.dirname(os.path.abspath(__file__))
    # Under a private package name, so that no module of boxd can be taken for one of the workspace.
    package = type(sys)("_boxd")
    package.__path__ = [here]
    sys.modules["_boxd"] = package
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != here]
    channel = os.dup2(int(sys.argv[1]), 3, inheritable=False) if sys.argv[1] != "3" else 3
    os.set_inheritable(channel, False)
    # Nothing that the launcher left open may reach the code that will run here.
    os.closerange(4, os.sysconf("SC_OPEN_MAX"))
    from _boxd import processes, server

    # Opened before boxd hides itself: afterwards its own /proc entries belong to root.
    processes.prepare()
    os.umask(0o022)
    sys.exit(server.serve(channel))


start()
