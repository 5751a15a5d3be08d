"""A program that runs for one request: its limits, its output, its end."""

import os
import signal
import time

from _boxd import limit_signs, processes
from _boxd.failure import Failure, field, text_map
from _boxd.output import Output
from _boxd.pipes import PipeWriter, read_end, write_end

DEFAULT_CREDIT = 1 << 20


class Run:
    """Begun by `begin` or `begin_in`."""

    def __init__(self, box, request_id, header, payload):
        self._box, self._id = box, request_id
        self._timeout_s = field(header, "timeoutMs", (int, float)) / 1000
        self._stdin = payload
        self._output = Output(
            box.server, request_id, field(header, "credit", int, DEFAULT_CREDIT), field(header, "outputBytes", int), self._end_it
        )
        self._status, self._timer, self._timed_out, self._cancelled, self._is_ending = None, None, False, False, False
        self._limit = None

    def begin(self, start):
        """`start(stdin, stdout, stderr)` answers its pid; the descriptors are closed afterwards."""
        self._begin()
        stdin, stdin_writer = (self._box.null, None) if not self._stdin else write_end()
        stdout_reader, stdout = read_end()
        stderr_reader, stderr = read_end()
        try:
            pid = start(stdin, stdout, stderr)
        except BaseException:
            for fd in (stdout_reader, stderr_reader, stdin_writer):
                if fd is not None:
                    os.close(fd)
            raise
        finally:
            os.close(stdout)
            os.close(stderr)
            if stdin_writer is not None:
                os.close(stdin)
        self._follow(pid, stdout_reader, stderr_reader)
        if stdin_writer is not None:
            self._stdin_writer = PipeWriter(self._box.server.loop, stdin_writer)
            self._stdin_writer.write(self._stdin)
            self._stdin_writer.end()
        self._stdin = b""

    def begin_in(self, job):
        """Lets the fork that stands by run the job; False when there is none for it, so that nothing has begun."""
        if self._stdin:
            return False
        self._begin()
        given = self._box.standby.give(job)
        if given is None:
            return False
        self._follow(*given)
        return True

    def _begin(self):
        self._started, self._since = time.monotonic(), processes.moment()
        limit_signs.clear()

    def _follow(self, pid, stdout, stderr):
        loop = self._box.server.loop
        self._pid = pid
        loop.child(pid, self._on_exit)
        self._output.attach("stdout", stdout)
        self._output.attach("stderr", stderr)
        self._timer = loop.at(self._started + self._timeout_s, self._on_timeout)
        self._box.server.hold(self._id, self)

    def grant(self, size):
        self._output.grant(size)

    def cancel(self):
        self._cancelled = True
        self._end_it()

    def feed(self, _header, _payload):
        raise Failure("VALIDATION_ERROR", "a run takes no further data")

    def _on_timeout(self):
        self._timed_out = True
        self._limit = processes.refuses_more()
        self._end_it()

    def _end_it(self):
        if self._status is None and not self._is_ending:
            self._is_ending = True
            processes.end(self._box.server.loop, self._pid, since=self._since, ended=self._on_ended)

    def _on_ended(self):
        self._is_ending = False
        if self._status is not None:
            self._output.seal(self._finish)

    def _on_exit(self, status):
        self._status = status
        self._box.server.loop.cancel(self._timer)
        if status != 0 and not self._is_ending:
            self._limit = limit_signs.of(self._pid) or processes.refuses_more(gone=1)
        # A run that was killed is over when nothing of it lives: what starts next must not be taken for a part of it.
        if not self._is_ending:
            self._output.seal(self._finish)

    def _finish(self):
        server = self._box.server
        for fd in self._output.detach():
            server.drains.take(fd)
        writer = getattr(self, "_stdin_writer", None)
        if writer is not None:
            writer.close()
        server.finish(
            self._id,
            {
                **exit_of(self._status),
                "timedOut": self._timed_out,
                "cancelled": self._cancelled,
                "outputExceeded": self._output.has_exceeded,
                "diskFull": self._status != 0 and self._box.is_disk_full(),
                "mayHaveArtifacts": self._box.may_have_artifacts(),
                "durationMs": round((time.monotonic() - self._started) * 1000, 3),
                **({} if self._limit is None else {"limitHit": self._limit}),
            },
        )


def exit_of(status):
    """Exit code and signal of a wait status, one of them null."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        try:
            name = signal.Signals(number).name
        except ValueError:
            name = f"SIG{number}"
        return {"exitCode": None, "signal": name}
    return {"exitCode": os.WEXITSTATUS(status), "signal": None}


def start_exec(box, request_id, header, payload):
    start, cwd = program_of(box, header)
    try:
        Run(box, request_id, header, payload).begin(start)
    finally:
        os.close(cwd)


def program_of(box, header):
    """What a request wants to be run: (`start(*stdio)`, which answers a pid, and the folder to start in, which the caller closes)."""
    argv = field(header, "argv", list)
    if not argv or not all(isinstance(item, str) and "\0" not in item for item in argv) or not argv[0]:
        raise Failure("VALIDATION_ERROR", "argv must be a list of strings without NUL, and name a program")
    env = box.environment(text_map(header, "env"))
    cwd = box.root.open_directory(field(header, "cwd", str, ""))

    def start(*stdio):
        try:
            return _spawn(argv, env, cwd, stdio)
        except OSError as error:
            # As a shell reports it: the program never ran, the run itself is a normal one.
            missing = isinstance(error, FileNotFoundError)
            reason = "command not found" if missing else os.strerror(error.errno)
            return processes.fork(lambda *fds: _refuse(f"{argv[0]}: {reason}\n", 127 if missing else 126, fds[2]), stdio)

    return start, cwd


def _spawn(argv, env, cwd, stdio):
    program = processes.find_program(argv[0], env["PATH"], cwd)
    if program is None:
        raise FileNotFoundError(2, "not found")
    try:
        return processes.spawn(program, argv, env, cwd, stdio)
    except OSError as error:
        if error.errno != 8:  # ENOEXEC: a script without an interpreter line is run by the shell, as execvp does
            raise
        return processes.spawn("/bin/sh", ["sh", program, *argv[1:]], env, cwd, stdio)


def _refuse(text, status, stderr):
    os.write(stderr, text.encode(errors="replace"))
    return status
