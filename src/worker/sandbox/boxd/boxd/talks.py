"""A program that is talked to while it runs, such as an agent: it takes what comes and lives for as long as it likes."""

import os

from _boxd import limit_signs, processes
from _boxd.failure import Failure, field
from _boxd.output import Output
from _boxd.pipes import PipeWriter, read_end, write_end
from _boxd.runs import DEFAULT_CREDIT, exit_of, program_of

UNLIMITED = float("inf")


def start_talk(box, request_id, header, _payload):
    start, cwd = program_of(box, header)
    try:
        Talk(box, request_id, header).begin(start)
    finally:
        os.close(cwd)


class Talk:
    """
    Input comes in frames of the request, each acknowledged by its bytes once the program has them; `{"end": true}` closes it. The
    program ends with all that has the variable `mark` in its environment, which everything below it inherits.
    """

    def __init__(self, box, request_id, header):
        self._box, self._id = box, request_id
        self._mark = field(header, "mark", str).encode()
        credit = field(header, "credit", int, DEFAULT_CREDIT)
        self._output = Output(box.server, request_id, credit, UNLIMITED, lambda: None)
        self._status = self._limit = None
        self._is_ending = False

    def begin(self, start):
        loop = self._box.server.loop
        limit_signs.clear()
        stdin, writer = write_end()
        stdout_reader, stdout = read_end()
        stderr_reader, stderr = read_end()
        try:
            self._pid = start(stdin, stdout, stderr)
        except BaseException:
            for fd in (stdout_reader, stderr_reader, writer):
                os.close(fd)
            raise
        finally:
            for fd in (stdin, stdout, stderr):
                os.close(fd)
        loop.child(self._pid, self._on_exit)
        self._output.attach("stdout", stdout_reader)
        self._output.attach("stderr", stderr_reader)
        self._writer = PipeWriter(loop, writer, self._acknowledge)
        self._box.server.hold(self._id, self)

    def grant(self, size):
        self._output.grant(size)

    def cancel(self):
        self._end_it()

    def feed(self, header, payload):
        if header.get("end") is True:
            self._writer.end()
        elif not payload:
            raise Failure("VALIDATION_ERROR", "a frame of input has no bytes")
        elif not self._writer.write(payload):
            # Nobody reads any more: whoever writes need not wait for that.
            self._acknowledge(len(payload))

    def _acknowledge(self, count):
        self._box.server.send({"id": self._id, "ack": count})

    def _end_it(self):
        if not self._is_ending:
            self._is_ending = True
            processes.end(self._box.server.loop, self._pid, mark=self._mark, ended=self._on_ended)

    def _on_exit(self, status):
        self._status = status
        if status != 0 and not self._is_ending:
            self._limit = limit_signs.of(self._pid) or processes.refuses_more(gone=1)
        # What it started ends with it, also when it went by itself.
        self._end_it()

    def _on_ended(self):
        self._is_ending = False
        if self._status is not None:
            self._output.seal(self._finish)

    def _finish(self):
        server = self._box.server
        for fd in self._output.detach():
            server.drains.take(fd)
        self._writer.close()
        limit = {} if self._limit is None else {"limitHit": self._limit}
        server.finish(self._id, {**exit_of(self._status), **limit})
