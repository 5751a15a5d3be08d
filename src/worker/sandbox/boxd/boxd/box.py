"""What boxd knows about its box, and which verb does what."""

import os
import sys

from _boxd import checkpoints, contexts, editing, files, helpers, listing, python_run, relay, runs, standby, talks
from _boxd.failure import Failure, TooLong, field, text_map
from _boxd.lanes import may_hold_files
from _boxd.paths import Root

FULL_BYTES = 256 * 1024
PATH = "/env/python/bin:/env/node/node_modules/.bin:/opt/boxswain/bin:/usr/bin:/bin"


class Box:
    """Made by the first request. `workspace` and `env` are the two roots; in a box they are the defaults."""

    def __init__(self, server, hello):
        from _boxd import processes

        self.server = server
        workspace = field(hello, "workspace", str, "/workspace")
        packages = field(hello, "env", str, "/env")
        self.workspace, self.packages = workspace, packages
        self.root = Root(workspace)
        self.packages_root = Root(packages, missing_ok=True)
        self.disk_bytes = field(hello, "diskBytes", int, None)
        self.null = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        self.hashes = files.Hashes()
        path = PATH if packages == "/env" else PATH.replace("/env/", f"{packages}/")
        self._environment = {
            "PATH": path,
            "HOME": workspace,
            "LANG": "C.UTF-8",
            "TMPDIR": "/tmp",
            "NODE_PATH": f"{packages}/node/node_modules",
            **text_map(hello, "environment"),
        }
        os.environ.clear()
        os.environ.update(self._environment)
        os.fchdir(self.root.fd)
        processes.configure(field(hello, "limits", dict, {}), workspace == "/workspace")
        self.contexts = contexts.Contexts(self)
        self.standby = python_run.standby(self, field(hello, "standbyMs", (int, float), standby.KEPT_MS))
        self.relay = relay.Relay(self, field(hello, "egressSocket", str, relay.SOCKET), field(hello, "relayPort", int, relay.PORT))

    def environment(self, env):
        """The whole environment of a program of this box."""
        return {**self._environment, **env} if env else self._environment

    def site_packages(self):
        version = sys.version_info
        return f"{self.packages}/python/lib/python{version.major}.{version.minor}/site-packages"

    def is_disk_full(self):
        """Less than FULL_BYTES count as none: a file system keeps a little back, and refuses large writes before the last block."""
        for fd in (self.root.fd, self.packages_root.fd):
            if fd is not None:
                state = os.fstatvfs(fd)
                if state.f_bavail * state.f_frsize < FULL_BYTES or (state.f_files and state.f_favail < 1):
                    return True
        return False

    def may_have_artifacts(self):
        """False only where the folder is surely empty: the answer of each run says so, and saves the worker a look."""
        return may_hold_files("artifacts", self.root.fd)

    def start(self, request_id, verb, header, payload):
        if verb in RUNS:
            self.relay.ensure()
            RUNS[verb](self, request_id, header, payload)
        elif verb in STREAMS:
            STREAMS[verb](self, request_id, header)
        elif verb in ANSWERS:
            act = ANSWERS[verb]
            try:
                self.server.finish(request_id, *act(self, header, payload, True))
            except TooLong:
                helpers.answer(self, request_id, header, lambda: act(self, header, payload, False))
        elif verb in HELPED:
            HELPED[verb](self, request_id, header)
        else:
            raise Failure("VALIDATION_ERROR", f"there is no verb {verb!r}"[:200])


# Each starts a program: (box, request_id, header, payload).
RUNS = {"exec": runs.start_exec, "python": python_run.start_python, "cell": contexts.start_cell, "talk": talks.start_talk}
# Each sends bytes as the worker takes them: (box, request_id, header).
STREAMS = {"open": files.start_open, "pack": checkpoints.start_pack}
# Each answers (result, payload?): (box, header, payload, is_inline). When inline they may raise TooLong.
ANSWERS = {
    "read": files.read,
    "write": files.write,
    "edit": editing.edit,
    "list": listing.list_files,
    "contexts": contexts.names,
    "diskUsage": checkpoints.disk_usage,
}
# Each may send entries in several frames.
HELPED = {
    "scan": listing.start_scan,
    "manifest": checkpoints.start_manifest,
    "restore": checkpoints.start_restore,
}
