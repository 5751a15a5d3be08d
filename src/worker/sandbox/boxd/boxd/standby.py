"""
A fork that stands by for the next Python program, so that who asks for one waits neither for the fork nor for its first steps. It is
made when nobody waits, once a program has run, and is used once. Until then it is hidden like boxd itself.
"""

import marshal
import os
import time

from _boxd import processes
from _boxd.pipes import read_end

KEPT_MS = 60_000
# As much as a pipe surely takes at once; what is longer is run in a fork of its own.
MOST_BYTES = 60_000
# Where a box may have only few processes, all are for its programs.
FEWEST_PROCESSES = 16


class Standby:
    """
    `program(stdio, next_job)` runs in the fork; `next_job()` waits there for what was given, and answers None when nothing was. A
    box where none was given for `kept_ms` goes back to being one process.
    """

    def __init__(self, box, program, kept_ms):
        self._box, self._program, self._kept_s = box, program, kept_ms / 1000
        self._waiting, self._is_wanted, self._timer = None, False, None

    def want(self):
        """A program has been run, so there may be another."""
        self._is_wanted = processes.may_have(FEWEST_PROCESSES)

    @property
    def is_due(self):
        return self._is_wanted and self._waiting is None

    def make(self):
        self._is_wanted = False
        loop = self._box.server.loop
        try:
            self._waiting = waiting = _Waiting(self._box, self._stand_by)
        except OSError:
            return  # no room for it, so programs are forked when they come
        loop.child(waiting.pid, lambda _status: self._drop(waiting))
        self._timer = loop.at(time.monotonic() + self._kept_s, lambda: self._drop(waiting))

    def give(self, job):
        """
        Lets the waiting fork run the job: (pid, reader of its output, reader of its errors), now the caller's. None when there is
        none, or the job is too long.
        """
        waiting = self._waiting
        if waiting is None:
            return None
        data = marshal.dumps(job)
        if len(data) > MOST_BYTES:
            return None
        self._release()
        if not waiting.take(data):
            waiting.close()
            return None
        return waiting.pid, waiting.stdout, waiting.stderr

    def _drop(self, waiting):
        """It has ended, or nobody came: without a word it ends by itself."""
        if self._waiting is waiting:
            self._release()
            waiting.close()

    def _release(self):
        self._box.server.loop.cancel(self._timer)
        self._waiting = self._timer = None

    def _stand_by(self, *fds):
        *stdio, orders = fds
        return self._program(stdio, lambda: _next_job(orders))


def _next_job(orders):
    data = b""
    while part := os.read(orders, MOST_BYTES):
        data += part
    os.close(orders)
    if not data:
        return None
    processes.become_job()
    return marshal.loads(data)


class _Waiting:
    def __init__(self, box, body):
        self.stdout, stdout = read_end()
        self.stderr, stderr = read_end()
        orders, self._orders = os.pipe2(os.O_CLOEXEC)
        try:
            self.pid = processes.fork_ahead(body, (box.null, stdout, stderr, orders))
        except OSError:
            self.close()
            raise
        finally:
            for fd in (stdout, stderr, orders):
                os.close(fd)

    def take(self, data):
        """False when it has ended before it could be told."""
        try:
            os.write(self._orders, data)
        except BrokenPipeError:
            return False
        os.close(self._orders)
        return True

    def close(self):
        for fd in (self.stdout, self.stderr, self._orders):
            os.close(fd)
