"""One thread, one epoll: descriptors, timers, ended children."""

import os
import select
import signal
import time

READ, WRITE, GONE = select.EPOLLIN, select.EPOLLOUT, select.EPOLLHUP | select.EPOLLERR


class Loop:
    def __init__(self):
        self._epoll = select.epoll()
        self._handlers, self._timers, self._children = {}, {}, {}
        self._next_timer = 0
        self._wake, wake_writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake_writer, warn_on_full_buffer=False)
        # The handler itself has nothing to do, but without one no byte is written.
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.watch(self._wake, READ, self._reap)

    def watch(self, fd, events, handler):
        """Of a descriptor that is watched already, for the same events, only the handler changes: the kernel need not be asked."""
        if fd not in self._handlers:
            self._epoll.register(fd, events)
        self._handlers[fd] = handler

    def change(self, fd, events):
        self._epoll.modify(fd, events)

    def forget(self, fd):
        if self._handlers.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def at(self, when, act):
        """Calls `act` at a monotonic time; the answer goes to `cancel`."""
        self._next_timer += 1
        self._timers[self._next_timer] = (when, act)
        return self._next_timer

    def cancel(self, timer):
        self._timers.pop(timer, None)

    def child(self, pid, ended):
        """Calls `ended(status)` when the child has been reaped."""
        self._children[pid] = ended

    def _reap(self, _events):
        try:
            os.read(self._wake, 4096)
        except BlockingIOError:
            return
        for pid, ended in list(self._children.items()):
            try:
                found, status = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                found, status = pid, 0x7F
            if found:
                del self._children[pid]
                ended(status)

    def turn(self, has_spare_work):
        """One round; answers whether anything happened. Does not wait when there is spare work."""
        wait = -1.0
        if has_spare_work:
            wait = 0
        elif self._timers:
            wait = max(0.0, min(when for when, _ in self._timers.values()) - time.monotonic())
        events = self._epoll.poll(wait)
        for fd, event in events:
            handler = self._handlers.get(fd)
            if handler is not None:
                handler(event)
        if self._timers:
            now = time.monotonic()
            for timer, (when, act) in list(self._timers.items()):
                if when <= now and self._timers.pop(timer, None):
                    act()
        return bool(events)

    def children(self):
        """The pids of children that have not been reaped."""
        return self._children.keys()
