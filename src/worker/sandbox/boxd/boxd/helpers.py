"""Long work of boxd in a fork, so that the loop goes on. A helper runs boxd's own code only and stays hidden."""

import json
import os
from collections import deque

from _boxd import frames, processes
from _boxd.failure import Failure, Malformed, field
from _boxd.loop import READ
from _boxd.pipes import PipeWriter, read_end, write_end

# The first byte of what a helper sends: more to come, the end, a note for boxd itself.
_PART, _END, _NOTE = b"p", b"e", b"n"


def answer(box, request_id, header, act):
    """`act()` gives (result, payload)."""

    def work(send, _read):
        result, payload = act()
        if box.hashes.fresh:
            send(_NOTE, {"hashes": box.hashes.fresh}, b"")
        send(_END, {"id": request_id, "ok": result}, payload)

    return Helper(box, request_id, header, work)


def stream(box, request_id, header, produce, takes_data=False):
    """`produce(emit, read)` gives the result; `emit(list)` sends entries on the way, `read()` gives frames of the worker."""

    def work(send, read):
        def emit(entries):
            send(_PART, {"id": request_id, "entries": True}, json.dumps(entries, separators=(",", ":")).encode())

        result = produce(emit, read)
        if box.hashes.fresh:
            send(_NOTE, {"hashes": box.hashes.fresh[-5000:]}, b"")
        send(_END, {"id": request_id, "ok": result}, b"")

    return Helper(box, request_id, header, work, takes_data)


class Helper:
    def __init__(self, box, request_id, header, work, takes_data=False):
        self._box, self._id = box, request_id
        self._credit = field(header, "credit", int, 1 << 20)
        self._splitter, self._ready, self._is_over = frames.Splitter(), deque(), False
        self._marks, self._fed, self._passed = deque(), 0, 0
        loop = box.server.loop
        self._reader, writer = read_end()
        source, feeder = write_end() if takes_data else (box.null, None)
        try:
            roots = [root for root in (box.root, box.packages_root) if root.fd is not None]
            inside = (writer, source, *(root.fd for root in roots))
            self._pid = processes.fork(lambda *fds: _help(fds, roots, request_id, work), inside, is_job=False)
        except OSError:
            for fd in (self._reader, feeder):
                if fd is not None:
                    os.close(fd)
            raise Failure("SANDBOX_DIED", "the box can start no more processes", reason="pids") from None
        finally:
            os.close(writer)
            if takes_data:
                os.close(source)
        self._feeder = None if feeder is None else PipeWriter(loop, feeder, self._acknowledge)
        box.server.hold(request_id, self)
        loop.child(self._pid, lambda _status: None)
        loop.watch(self._reader, READ, self._on_data)
        self._is_watched = True

    def grant(self, size):
        self._credit += size
        self._forward()

    def cancel(self):
        processes.end(self._box.server.loop, self._pid)

    def feed(self, header, payload):
        if self._feeder is None:
            raise Failure("VALIDATION_ERROR", "this request takes no data")
        frame = frames.encode(header, payload)
        self._fed += len(frame)
        self._marks.append(self._fed)
        self._feeder.write(frame)
        if header.get("end") is True:
            self._feeder.end()

    def _acknowledge(self, count):
        """Tells the worker how many of its frames have left boxd's memory."""
        self._passed += count
        done = 0
        while self._marks and self._marks[0] <= self._passed:
            self._marks.popleft()
            done += 1
        if done and not self._is_over:
            self._box.server.send({"id": self._id, "ack": done})

    def _on_data(self, _event):
        try:
            data = os.read(self._reader, 1 << 20)
        except BlockingIOError:
            return
        if data:
            self._ready += self._splitter.feed(data)
        else:
            self._close()
        self._forward()

    def _forward(self):
        while self._ready and self._credit > 0:
            body = memoryview(self._ready.popleft())
            tag, body = bytes(body[:1]), body[1:]
            if tag == _NOTE:
                for identity, digest in frames.decode(body)[0]["hashes"]:
                    self._box.hashes.put(identity, digest)
                continue
            self._credit -= len(body)
            self._is_over = tag == _END
            if self._is_over:
                self._box.server.over(self._id)
                self._end_feed()
            self._box.server.send_bytes(frames.wrap(body))
        if self._reader is None:
            if not self._ready and not self._is_over:
                self._is_over = True
                self._end_feed()
                self._box.server.fail(self._id, Failure("INTERNAL_ERROR", "a helper process of boxd was killed"))
            return
        # What is already here must leave before more is read.
        if self._is_watched and self._ready:
            self._box.server.loop.forget(self._reader)
        elif not self._is_watched and not self._ready:
            self._box.server.loop.watch(self._reader, READ, self._on_data)
        self._is_watched = not self._ready

    def _end_feed(self):
        if self._feeder is not None:
            self._feeder.close()

    def _close(self):
        self._box.server.loop.forget(self._reader)
        os.close(self._reader)
        self._reader = None


def _help(fds, roots, request_id, work):
    from _boxd import server

    writer, source, *root_fds = fds
    for root, fd in zip(roots, root_fds):
        root.fd = fd

    def send(tag, header, payload):
        body = frames.encode(header, payload)[4:]
        frames.write_all(writer, (1 + len(body)).to_bytes(4, "big") + tag + body)

    frames_in = frames.Reader(source)

    def read():
        found = frames_in.next()
        if found is None:
            raise Failure("VALIDATION_ERROR", "the data ended too early")
        return found

    try:
        work(send, read)
        return 0
    except Failure as failure:
        error = failure
    except Malformed as failure:
        error = Failure("VALIDATION_ERROR", str(failure))
    except OSError as failure:
        error = server.from_os_error(failure)
    send(_END, {"id": request_id, "error": error.to_json()}, b"")
    return 0
