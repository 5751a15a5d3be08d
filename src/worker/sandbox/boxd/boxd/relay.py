"""Carries connections from 127.0.0.1 inside the box to the egress proxy's unix socket, in a helper process."""

import _socket
import os
import time

from _boxd import processes

SOCKET = "/run/egress.sock"
PORT = 3128
MAX_CONNECTIONS = 512
CHUNK = 65536
# A helper that ended sooner had no chance to do its work.
LIVES_S = 0.1


class Relay:
    """
    boxd itself keeps the listening socket, so that no program of the box can take its place when the helper is killed, and
    connections made meanwhile wait.
    """

    def __init__(self, box, path, port):
        self._box, self._path, self._port = box, path, port
        self._listener, self._is_running, self._started = None, False, 0.0

    def ensure(self):
        """Called before each run; does nothing when the box has no proxy, or the helper lives."""
        if self._is_running or not os.path.exists(self._path):
            return
        try:
            if self._listener is None:
                self._listener = self._listen()
            pid = processes.fork(lambda fd: serve(fd, self._path), (self._listener.fileno(),), is_job=False)
        except OSError:
            return  # no network is what the run then finds; the next run tries again
        self._is_running, self._started = True, time.monotonic()
        self._box.server.loop.child(pid, self._on_exit)

    def _on_exit(self, _status):
        self._is_running = False
        # A run that goes on may wait for it already. One that dies again and again waits for the next run.
        if time.monotonic() - self._started > LIVES_S:
            self.ensure()

    def _listen(self):
        listener = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC, 0)
        try:
            listener.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", self._port))
            listener.listen(128)
            listener.setblocking(False)
        except OSError:
            listener.close()
            raise
        return listener


def serve(listener_fd, path):
    """Runs in the helper, until it is killed."""
    import selectors
    import socket

    listener, selector = socket.socket(fileno=listener_fd), selectors.DefaultSelector()
    listener.setblocking(False)
    selector.register(listener, selectors.EVENT_READ, None)
    count = 0
    while True:
        for key, events in selector.select():
            if key.data is not None:
                # One event may have ended the pair that another event of this round belongs to.
                if not key.data.is_over and key.data.step(key.fileobj, events):
                    count -= 1
                continue
            try:
                inside, _ = listener.accept()
            except OSError:
                continue
            if count >= MAX_CONNECTIONS:
                inside.close()
                continue
            outside = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                # A unix socket connects at once or not at all.
                outside.connect(path)
            except OSError:
                inside.close()
                outside.close()
                continue
            Pair(selector, inside, outside)
            count += 1


class Pair:
    """Two sockets joined; at most one chunk waits in each direction, and the end of one side is passed to the other."""

    def __init__(self, selector, one, other):
        self._selector, self._peer = selector, {one: other, other: one}
        self._waiting, self._ended, self._shut, self._watched = {one: b"", other: b""}, set(), set(), {}
        self.is_over = False
        for end in self._peer:
            end.setblocking(False)
            self._watch(end)

    def step(self, end, events):
        """Handles events of one end; True when the pair has ended with it."""
        try:
            if events & 1 and end not in self._ended and not self._waiting[end]:
                self._waiting[end] = end.recv(CHUNK)
                if not self._waiting[end]:
                    self._ended.add(end)
            for source, target in self._peer.items():
                self._send(source, target)
        except BlockingIOError:
            return False
        except OSError:
            return self._close()
        if len(self._shut) == 2:
            return self._close()
        for each in self._peer:
            self._watch(each)
        return False

    def _send(self, source, target):
        if self._waiting[source]:
            try:
                sent = target.send(self._waiting[source])
            except BlockingIOError:
                return
            self._waiting[source] = self._waiting[source][sent:]
        if source in self._ended and not self._waiting[source] and source not in self._shut:
            self._shut.add(source)
            target.shutdown(1)

    def _watch(self, end):
        wants_read = end not in self._ended and not self._waiting[end]
        events = (1 if wants_read else 0) | (2 if self._waiting[self._peer[end]] else 0)
        if events == self._watched.get(end, 0):
            return
        if not events:
            self._selector.unregister(end)
        elif self._watched.get(end):
            self._selector.modify(end, events, self)
        else:
            self._selector.register(end, events, self)
        self._watched[end] = events

    def _close(self):
        self.is_over = True
        for end in self._peer:
            if self._watched.get(end):
                self._selector.unregister(end)
            end.close()
        return True
