"""A cell as a request of the worker: its time, its output, its answer."""

import os
import signal
import time

from _boxd import limit_signs, processes
from _boxd.failure import Failure, Malformed, field, text_map
from _boxd.output import Output
from _boxd.runs import DEFAULT_CREDIT, exit_of

INTERRUPT_GRACE_S = 1.0


class Attachment:
    """What boxd is told of a cell that came by the lane."""

    def __init__(self, header):
        self.key, self.elapsed_s = field(header, "key", str), field(header, "elapsedMs", (int, float)) / 1000
        self.answer, self.is_broken = field(header, "answer", dict, None), header.get("isBroken") is True


class Cell:
    """One request in a context."""

    def __init__(self, box, request_id, header, payload):
        self._box, self._id = box, request_id
        attached = field(header, "attach", dict, None)
        self.attachment = None if attached is None else Attachment(attached)
        if attached is None:
            self.code, self.env, self.stdin = field(header, "code", str), text_map(header, "env"), payload
        self._timeout_s = field(header, "timeoutMs", (int, float)) / 1000
        credit, limit = field(header, "credit", int, DEFAULT_CREDIT), field(header, "outputBytes", int)
        self._output = Output(box.server, request_id, credit, limit, self._end_it)
        self._timed_out = self._cancelled = False
        self._timer = self._answer = self._limit = None

    def begin(self, context, streams, between):
        self._context, self._started = context, time.monotonic()
        if self.attachment is None:
            limit_signs.clear()
        else:
            self._started -= self.attachment.elapsed_s
        self._timer = self._box.server.loop.at(self._started + self._timeout_s, self._on_timeout)
        self._box.server.hold(self._id, self)
        for name, fd in streams.items():
            self._output.attach(name, fd)
        # Also of a stream that has ended meanwhile.
        for name, kept in between.items():
            if kept:
                self._output.put(name, bytes(kept))
                kept.clear()
        if self.attachment is not None and self.attachment.answer is not None:
            self.answered(self.attachment.answer)

    def grant(self, size):
        self._output.grant(size)

    def cancel(self):
        self._cancelled = True
        self._end_it()

    def feed(self, header, _payload):
        answer = field(header, "answer", dict, None)
        if self.attachment is not None and header.get("isBroken") is True:
            self._context.distrust()
            return
        if self.attachment is None or answer is None:
            raise Failure("VALIDATION_ERROR", "a cell takes no further data")
        self.answered(answer)

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
        way = context.way()
        if way is not None:
            ended["lane"] = way
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
