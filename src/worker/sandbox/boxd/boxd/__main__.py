"""boxd: carries out, inside a box, what the worker asks for over one descriptor (argv[1]). The others given are its lanes."""

import fcntl
import os
import sys


def start():
    here = os.path.dirname(os.path.abspath(__file__))
    # Under a private package name, so that no module of boxd can be taken for one of the workspace.
    package = type(sys)("_boxd")
    package.__path__ = [here]
    sys.modules["_boxd"] = package
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != here]
    # First out of the way of each other, whatever their numbers are.
    given = [fcntl.fcntl(int(word), fcntl.F_DUPFD_CLOEXEC, 64) for word in sys.argv[1:]]
    channel, *lanes = [os.dup2(fd, 3 + at, inheritable=False) for at, fd in enumerate(given)]
    # Nothing that the launcher left open may reach the code that will run here.
    os.closerange(3 + len(given), os.sysconf("SC_OPEN_MAX"))
    from _boxd import processes, server

    # Opened before boxd hides itself: afterwards its own /proc entries belong to root.
    processes.prepare()
    os.umask(0o022)
    sys.exit(server.serve(channel, lanes))


start()
