"""Stateful contexts, as boxd sees them: a process each, told what to run over one pipe, answering over another."""

import os

from _boxd import cells, frames, processes
from _boxd.cell_requests import Cell
from _boxd.failure import Failure, Malformed, field
from _boxd.lanes import Marks
from _boxd.loop import READ
from _boxd.output import CHUNK
from _boxd.pipes import PipeWriter, read_end, write_end

KEPT_BETWEEN_CELLS = 65536


def names(box, _header, _payload, _is_inline):
    return {"names": sorted(box.contexts.alive)}, b""


def start_cell(box, request_id, header, payload):
    box.contexts.run(request_id, header, payload)


class Contexts:
    def __init__(self, box):
        self._box = box
        self.alive, self._lost = {}, set()
        # Those that ended in a cell which boxd had not been told of.
        self._fallen = {}

    def run(self, request_id, header, payload):
        name = field(header, "context", str)
        cell = Cell(self._box, request_id, header, payload)
        if cell.attachment is not None:
            self._attach(name, cell)
            return
        if name in self._lost:
            self._lost.discard(name)
            fallen = self._fallen.pop(name, None)
            if fallen is not None:
                fallen.drain()
            raise _context_lost(name)
        context = self.alive.get(name)
        if context is None:
            context = self.alive[name] = Context(self._box, lambda: self._ended(name))
        context.begin(cell)

    def _attach(self, name, cell):
        """The worker sent the cell by the lane, and it turned out to be none of the short and silent ones."""
        context = self.alive.get(name) or self._fallen.get(name)
        if context is None or context.key != cell.attachment.key:
            # It had ended before the cell began.
            self._lost.discard(name)
            raise _context_lost(name)
        self._fallen.pop(name, None)
        context.attach(cell)

    def _ended(self, name):
        context = self.alive.pop(name)
        self._lost.add(name)
        if context.is_unattached:
            self._fallen[name] = context


def _context_lost(name):
    return Failure("CONTEXT_LOST", f"the context {name} has ended and its variables are gone", context=name)


class Context:
    def __init__(self, box, ended):
        self._box, self._ended, self.cell, self.was_interrupted, self._status = box, ended, None, False, None
        self._marks, self._lane = Marks(), box.server.lanes.take()
        lane = None if self._lane is None else (self._lane.key, self._marks)
        self.key = None if lane is None else self._lane.key.hex()
        loop = box.server.loop
        requests, writer = write_end()
        self._replies, replies = read_end()
        stdout_reader, stdout = read_end()
        stderr_reader, stderr = read_end()
        inside = (box.null, stdout, stderr, requests, replies)
        try:
            kept = inside if lane is None else (*inside, self._lane.fd)
            self.pid = processes.fork(lambda *fds: cells.serve(box, fds, lane), kept, on_interrupt=cells.on_interrupt)
        except BaseException:
            self._give_up_lane()
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

    def attach(self, cell):
        """Takes on a cell that runs already, or has run to its end, or to that of the context."""
        if self.cell is not None:
            raise Failure("VALIDATION_ERROR", "the context is running another cell")
        self.cell = cell
        cell.begin(self, self._streams, self._between)
        if self._status is not None:
            cell.lost(self._status)
        elif cell.attachment.is_broken:
            self.distrust()

    def distrust(self):
        """Something in it wrote onto the lane: nothing it says can be understood any more."""
        processes.end(self._box.server.loop, self.pid)

    @property
    def is_unattached(self):
        """A cell runs, or has run, that boxd has not been told of and will be."""
        return self.cell is None and self.key is not None and self._marks.is_running

    def way(self):
        """What the worker must know to send the next cell by the lane; None when it must come to boxd."""
        if self._lane is None or self._status is not None or self.was_interrupted:
            return None
        return {"index": self._lane.index, "key": self.key}

    def after_cell(self, fds):
        """Takes its streams back; a stream that has ended is not among them."""
        self.cell = None
        self._marks.is_taken = self._marks.is_running = False
        self._streams = {name: fd for name, fd in self._streams.items() if fd in fds}
        self._listen()

    def _listen(self):
        for name, fd in self._streams.items():
            self._box.server.loop.watch(fd, READ, lambda _event, name=name, fd=fd: self._keep(name, fd))

    def _keep(self, name, fd):
        """What threads and children print between cells belongs to the next one; of too much, the end is kept."""
        kept = self._between[name]
        if self.is_unattached and len(kept) >= KEPT_BETWEEN_CELLS:
            # It may be that cell's own, of which nothing is lost: it waits until the worker asks for it.
            self._box.server.loop.forget(fd)
            return
        self._marks.is_taken = True
        try:
            data = os.read(fd, CHUNK)
        except BlockingIOError:
            data = None
        if data:
            kept += data
            if not self.is_unattached:
                del kept[:-KEPT_BETWEEN_CELLS]
        else:
            self._marks.is_taken = any(self._between.values())
        if data == b"":
            self._box.server.loop.forget(fd)
            del self._streams[name]
            os.close(fd)

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
        self._status = status
        self._ended()
        if self.cell is not None:
            self.cell.lost(status)
        elif not self.is_unattached:
            self.drain()
        self._give_up_lane()

    def drain(self):
        """Nobody will ask for its output any more."""
        for fd in self._streams.values():
            self._box.server.loop.forget(fd)
            self._box.server.drains.take(fd)
        self._streams = {}

    def _give_up_lane(self):
        if self._lane is not None:
            self._box.server.lanes.give_back(self._lane)
            self._lane = None
