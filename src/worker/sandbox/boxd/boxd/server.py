"""The channel to the worker: requests in, answers and output out, all in one loop."""

import errno
import os
import sys
import time
from collections import deque

from _boxd import box, frames, warm
from _boxd.failure import Failure, Malformed
from _boxd.lanes import Lanes
from _boxd.loop import READ, WRITE, Loop
from _boxd.output import Drains

PROTOCOL = 1
MAX_BACKLOG = 8 * 1024 * 1024
MAX_REQUESTS = 1024
# More would be memory that is mapped and given back at each read.
CHUNK = 65536
# Boxes are often started together, as after the loss of a worker: until then the processor is for what they were started for.
WARM_AFTER_S = 2.0


def serve(channel, lanes=()):
    """Answers the exit code: 0 when the worker closed the channel, 65 when what came in were no frames."""
    return Server(channel, lanes).run()


class Server:
    def __init__(self, channel, lanes):
        self.loop, self.lanes = Loop(), Lanes(lanes)
        self.drains = Drains(self.loop)
        self.box = None
        self._channel = channel
        self._splitter = frames.Splitter()
        self._requests = {}
        self._out, self._backlog, self._events = deque(), 0, READ
        self._exit, self._spare = None, None
        self._is_warm = False
        os.set_blocking(channel, False)
        self.loop.watch(channel, READ, self._on_channel)

    def run(self):
        self.loop.at(time.monotonic() + WARM_AFTER_S, self._warm)
        while self._exit is None:
            was_busy = self.loop.turn(has_spare_work=self._has_spare_work())
            if self._out and self._exit is None:
                self._flush()
            if not was_busy and self._exit is None and self._has_spare_work():
                self._do_spare_work()
        return self._exit

    def _has_spare_work(self):
        if self.box is None:
            return False
        return self._spare is not None or (self._is_warm and self.box.standby.is_due and not self._requests)

    def _do_spare_work(self):
        """What makes later requests quick, in small steps, while nobody waits."""
        if self._spare is None:
            self.box.standby.make()
        elif next(self._spare, None) is None:
            self._spare, self._is_warm = None, True

    def _warm(self):
        """From now on imports that make the first Python run quick are done one by one, whenever nobody waits."""
        self._spare = warm.steps()

    def send(self, header, payload=b""):
        self.send_bytes(frames.encode(header, payload))

    def send_bytes(self, data):
        """`data` is one whole frame. It leaves at the end of this round, together with what else there is."""
        self._out.append(memoryview(data))
        self._backlog += len(data)
        if self._backlog > MAX_BACKLOG:
            self._set_events(WRITE)

    def finish(self, request_id, result, payload=b""):
        """The answer; the request is over."""
        self._requests.pop(request_id, None)
        self.send({"id": request_id, "ok": result}, payload)

    def fail(self, request_id, failure):
        self._requests.pop(request_id, None)
        self.send({"id": request_id, "error": failure.to_json()})

    def hold(self, request_id, handler):
        """From now on `cancel()`, `grant(bytes)` and `feed(header, payload)` of the request go to the handler."""
        self._requests[request_id] = handler

    def over(self, request_id):
        self._requests.pop(request_id, None)

    def guard(self, request_id, act, *args):
        """Calls `act`; what it raises becomes the answer."""
        try:
            return act(*args)
        except Failure as failure:
            self.fail(request_id, failure)
        except OSError as error:
            self.fail(request_id, from_os_error(error))
        except Exception as error:
            print(f"boxd: {type(error).__name__}: {error}", file=sys.stderr)
            self.fail(request_id, Failure("INTERNAL_ERROR", "boxd could not do it"))
        return None

    def _on_channel(self, event):
        if event & WRITE:
            self._flush()
        if not event & ~WRITE or self._exit is not None:
            return
        try:
            data = os.read(self._channel, CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._exit = 0
            return
        try:
            for body in self._splitter.feed(data):
                self._receive(*frames.decode(body))
        except Malformed as error:
            self.send({"fatal": {"code": "VALIDATION_ERROR", "message": str(error)}})
            self._flush()
            self._exit = 65

    def _receive(self, header, payload):
        request_id = header.get("id")
        if not isinstance(request_id, int):
            raise Malformed("a frame has no id")
        verb = header.get("verb")
        if verb is None:
            handler = self._requests.get(request_id)
            # For a request that has ended meanwhile there is nothing left to do.
            if handler is not None:
                self.guard(request_id, self._pass_on, handler, header, payload)
            return
        if request_id in self._requests:
            raise Malformed("an id is used twice")
        if len(self._requests) >= MAX_REQUESTS:
            self.fail(request_id, Failure("CAPACITY_EXCEEDED", f"more than {MAX_REQUESTS} requests at once"))
            return
        self.guard(request_id, self._start, request_id, verb, header, payload)

    def _pass_on(self, handler, header, payload):
        if header.get("cancel") is True:
            handler.cancel()
        elif isinstance(header.get("credit"), int):
            handler.grant(header["credit"])
        else:
            handler.feed(header, payload)

    def _start(self, request_id, verb, header, payload):
        if verb == "hello":
            self.box = box.Box(self, header)
            self.finish(request_id, {"protocol": PROTOCOL, "python": sys.version.split()[0]})
            return
        if self.box is None:
            raise Failure("VALIDATION_ERROR", "the first request is hello")
        self.box.start(request_id, verb, header, payload)

    def _flush(self):
        while self._out:
            try:
                count = os.writev(self._channel, [part for part, _ in zip(self._out, range(64))])
            except BlockingIOError:
                break
            except OSError:
                self._exit = 0
                return
            self._backlog -= count
            while count:
                first = self._out[0]
                if count < len(first):
                    self._out[0] = first[count:]
                    break
                count -= len(self._out.popleft())
        # With much unsent, no further request is read: memory stays bounded whatever is asked.
        reads = READ if self._backlog <= MAX_BACKLOG else 0
        self._set_events(reads | (WRITE if self._out else 0))

    def _set_events(self, events):
        if events != self._events:
            self._events = events
            self.loop.change(self._channel, events)


def from_os_error(error):
    """The typed outcome of a system call that failed; its text never names a path."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return Failure("DISK_FULL", "the workspace's disk is full")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return Failure("PATH_INVALID", "permission denied", hint="change the mode of the file or its folder with chmod")
    return Failure("INTERNAL_ERROR", f"system call failed: {errno.errorcode.get(error.errno, 'unknown')}")
