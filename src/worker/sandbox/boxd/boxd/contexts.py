"""Stateful contexts, as boxd sees them: a process each, told what to run over one pipe, answering over another."""

import os
import signal
import time

from _boxd import cells, frames, limit_signs, processes
from _boxd.failure import Failure, Malformed, field, text_map
from _boxd.loop import READ
from _boxd.output import CHUNK, Output
from _boxd.pipes import PipeWriter, read_end, write_end
from _boxd.runs import DEFAULT_CREDIT, exit_of

INTERRUPT_GRACE_S = 1.0
KEPT_BETWEEN_CELLS = 65536


def names(box, _header, _payload, _is_inline):
    return {"names": sorted(box.contexts.alive)}, b""


def start_cell(box, request_id, header, payload):
    box.contexts.run(request_id, header, payload)


class Contexts:
    def __init__(self, box):
        self._box = box
        self.alive, self._lost = {}, set()

    def run(self, request_id, header, payload):
        name = field(header, "context", str)
        cell = Cell(self._box, request_id, header, payload)
        if name in self._lost:
            self._lost.discard(name)
            raise Failure("CONTEXT_LOST", f"the context {name} has ended and its variables are gone", context=name)
        context = self.alive.get(name)
        if context is None:
            context = self.alive[name] = Context(self._box, lambda: self._ended(name))
        context.begin(cell)

    def _ended(self, name):
        del self.alive[name]
        self._lost.add(name)


class Context:
    def __init__(self, box, ended):
        self._box, self._ended, self.cell, self.was_interrupted = box, ended, None, False
        loop = box.server.loop
        requests, writer = write_end()
        self._replies, replies = read_end()
        stdout_reader, stdout = read_end()
        stderr_reader, stderr = read_end()
        inside = (box.null, stdout, stderr, requests, replies)
        try:
            self.pid = processes.fork(lambda *fds: cells.serve(box, fds), inside, on_interrupt=cells.on_interrupt)
        except BaseException:
            for fd in (writer, self._replies, stdout_reader, stderr_reader):
                os.close(fd)
            raise
        finally:
            for fd in inside[1:]:
                os.close(fd)
        self._writer = PipeWriter(loop, writer)
        self._splitter = frames.Splitter()
        self._streams = {"stdout": stdout_reader, "stderr": stderr_reader}
        self._between = {"stdout": bytearray(), "stderr": bytearray()}
        loop.watch(self._replies, READ, self._on_reply)
        loop.child(self.pid, self._on_exit)
        self._listen()

    def begin(self, cell):
        if self.cell is not None:
            raise Failure("VALIDATION_ERROR", "the context is running another cell")
        self.cell = cell
        cell.begin(self, self._streams, self._between)
        self._writer.write(frames.encode({"code": cell.code, "env": cell.env, "stale": self.was_interrupted}, cell.stdin))
        self.was_interrupted = False

    def after_cell(self, fds):
        """Takes its streams back; a stream that has ended is not among them."""
        self.cell = None
        self._streams = {name: fd for name, fd in self._streams.items() if fd in fds}
        self._listen()

    def _listen(self):
        for name, fd in self._streams.items():
            self._box.server.loop.watch(fd, READ, lambda _event, name=name, fd=fd: self._keep(name, fd))

    def _keep(self, name, fd):
        """What threads and children print between cells belongs to the next one; of too much, the end is kept."""
        try:
            data = os.read(fd, CHUNK)
        except BlockingIOError:
            return
        if not data:
            self._box.server.loop.forget(fd)
            del self._streams[name]
            os.close(fd)
        kept = self._between[name]
        kept += data
        del kept[:-KEPT_BETWEEN_CELLS]

    def _on_reply(self, _event):
        try:
            data = os.read(self._replies, CHUNK)
        except BlockingIOError:
            return
        try:
            bodies = self._splitter.feed(data)
            for body in bodies:
                if self.cell is None:
                    raise Malformed("an answer that nobody asked for")
                self.cell.answered(frames.decode(body)[0])
        except Malformed:
            # The program wrote into boxd's own pipe: nothing it says can be understood any more.
            data = b""
        if not data:
            self._box.server.loop.forget(self._replies)
            processes.end(self._box.server.loop, self.pid)

    def _on_exit(self, status):
        loop = self._box.server.loop
        loop.forget(self._replies)
        os.close(self._replies)
        self._writer.close()
        self._ended()
        if self.cell is not None:
            self.cell.lost(status)
        else:
            for fd in self._streams.values():
                loop.forget(fd)
                self._box.server.drains.take(fd)


class Cell:
    """One request in a context."""

    def __init__(self, box, request_id, header, payload):
        self._box, self._id = box, request_id
        self.code, self.env, self.stdin = field(header, "code", str), text_map(header, "env"), payload
        self._timeout_s = field(header, "timeoutMs", (int, float)) / 1000
        credit, limit = field(header, "credit", int, DEFAULT_CREDIT), field(header, "outputBytes", int)
        self._output = Output(box.server, request_id, credit, limit, self._end_it)
        self._timed_out = self._cancelled = False
        self._timer = self._answer = self._limit = None

    def begin(self, context, streams, between):
        self._context, self._started = context, time.monotonic()
        limit_signs.clear()
        self._timer = self._box.server.loop.at(self._started + self._timeout_s, self._on_timeout)
        self._box.server.hold(self._id, self)
        for name, fd in streams.items():
            self._output.attach(name, fd)
            if between[name]:
                self._output.put(name, bytes(between[name]))
                between[name].clear()

    def grant(self, size):
        self._output.grant(size)

    def cancel(self):
        self._cancelled = True
        self._end_it()

    def feed(self, _header, _payload):
        raise Failure("VALIDATION_ERROR", "a cell takes no further data")

    def answered(self, reply):
        """The context lives on; the cell is over when its output has been delivered."""
        exit_code, result = reply.get("exit"), reply.get("result")
        if not isinstance(exit_code, int) or not isinstance(result, (str, type(None))) or self._answer is not None:
            raise Malformed("not the answer of a cell")
        ended = {"exitCode": exit_code, "signal": None} if exit_code >= 0 else {"exitCode": None, "signal": "SIGINT"}
        self._seal(ended if result is None else {**ended, "result": result})

    def lost(self, status):
        if self._answer is None:
            self._seal(exit_of(status))

    def _seal(self, answer):
        self._answer = answer
        self._box.server.loop.cancel(self._timer)
        self._output.seal(self._finish)

    def _finish(self):
        box, context = self._box, self._context
        fds = self._output.detach()
        if context.pid in box.server.loop.children():
            context.after_cell(fds)
        else:
            for fd in fds:
                box.server.drains.take(fd)
        ended = {
            "timedOut": self._timed_out,
            "cancelled": self._cancelled,
            "outputExceeded": self._output.has_exceeded,
            "diskFull": self._answer["exitCode"] != 0 and box.is_disk_full(),
            "mayHaveArtifacts": box.may_have_artifacts(),
            "durationMs": round((time.monotonic() - self._started) * 1000, 3),
        }
        limit = self._limit or limit_signs.of(context.pid)
        if limit is not None:
            ended["limitHit"] = limit
        box.server.finish(self._id, {**self._answer, **ended})

    def _on_timeout(self):
        self._timed_out = True
        self._limit = processes.refuses_more()
        self._end_it()

    def _end_it(self):
        """First asks, so that the variables survive; kills the context when that does not help."""
        if self._answer is not None:
            return
        self._context.was_interrupted = True
        try:
            os.killpg(self._context.pid, signal.SIGINT)
        except ProcessLookupError:
            return
        loop = self._box.server.loop
        loop.cancel(self._timer)
        self._timer = loop.at(time.monotonic() + INTERRUPT_GRACE_S, self._kill)

    def _kill(self):
        processes.end(self._box.server.loop, self._context.pid)
