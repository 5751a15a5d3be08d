"""Starting processes in the box, and ending them for certain."""

import ctypes
import errno
import fcntl
import os
import resource
import signal
import time

from _boxd import limit_signs
from _boxd.failure import Failure

PR_SET_PDEATHSIG, PR_SET_DUMPABLE = 1, 4
_DEFAULTED = [signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGCHLD]
# Memory by RLIMIT_DATA, which counts what can be written, not by RLIMIT_AS: Node reserves a GiB that it hardly touches.
_LIMITS = {"memoryBytes": resource.RLIMIT_DATA, "processes": resource.RLIMIT_NPROC, "fileBytes": resource.RLIMIT_FSIZE}
# What boxd may have above the limit of its jobs: it counts as a process of theirs, and must be able to end them.
_RESERVES = {resource.RLIMIT_DATA: 64 << 20, resource.RLIMIT_NPROC: 32, resource.RLIMIT_FSIZE: 0}

# Looks double their distance from 2 ms on, so the last one comes after 2 s.
LAST_ATTEMPT = 10
# More than an environment can be: the kernel allows 128 KiB a string and a quarter of the stack in all.
MOST_ENVIRONMENT = 4 << 20

_OOM_FIRST = b"1000"
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")

_libc = ctypes.CDLL(None)
_limits = {}
_oom_fd = None
_oom_own = b"0"
_newest_fd = None
_own_pid = os.getpid()
_owns_box = False


def prepare():
    """Hides boxd from the code it will run: no other process of this user may open its memory or its channel."""
    global _oom_fd, _oom_own, _newest_fd
    try:
        _oom_fd = os.open("/proc/self/oom_score_adj", os.O_RDWR | os.O_CLOEXEC)
        _oom_own = os.pread(_oom_fd, 16, 0).strip()
    except OSError:
        _oom_fd = None
    try:
        _newest_fd = os.open("/proc/loadavg", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        _newest_fd = None
    if _libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise SystemExit("boxd cannot hide itself")
    # Meant for programs, should one be sent to everyone.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Bounded, because children inherit it and some programs close every possible descriptor one by one.
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536) if hard > 0 else 65536, hard))


def configure(limits, is_box):
    """`limits`: memoryBytes, processes, fileBytes, cpus. `is_box`: roots are those of a box."""
    global _owns_box
    for name, value in limits.items():
        if name in _LIMITS:
            kind = _LIMITS[name]
            _limits[kind] = value
            # For good, so that no job can lift its limit in the moment before it is pinned to it.
            _, hard = resource.getrlimit(kind)
            own = value + _RESERVES[kind]
            own = own if hard < 0 else min(own, hard)
            resource.setrlimit(kind, (own, own))
    limit_signs.configure(limits)
    cpus = limits.get("cpus")
    if cpus:
        own = sorted(os.sched_getaffinity(0))
        start = int.from_bytes(os.urandom(2), "big")
        os.sched_setaffinity(0, {own[(start + i) % len(own)] for i in range(min(cpus, len(own)))})
    # A signal to everyone is for a process namespace of our own, never for a machine that runs boxd by itself.
    _owns_box = is_box and os.getpid() == 2 and os.getppid() == 1 and os.getuid() != 0


class _job_defaults:
    """What a child inherits from boxd itself: the first to be killed when memory is short, and the soft limits."""

    def __enter__(self):
        if _oom_fd is not None:
            os.pwrite(_oom_fd, _OOM_FIRST, 0)
        self.before = {kind: resource.getrlimit(kind) for kind in _limits}
        for kind, (_, hard) in self.before.items():
            resource.setrlimit(kind, (_limits[kind] if hard < 0 else min(_limits[kind], hard), hard))

    def __exit__(self, *_):
        if os.getpid() != _own_pid:
            return  # the fork passes here too, and keeps what it got
        for kind, pair in self.before.items():
            resource.setrlimit(kind, pair)
        if _oom_fd is not None:
            os.pwrite(_oom_fd, _oom_own, 0)


def spawn(program, argv, env, cwd_fd, stdio):
    """Starts a program in a session of its own; all other descriptors of boxd are closed on exec. Raises OSError."""
    actions = [(os.POSIX_SPAWN_DUP2, fd, at) for at, fd in enumerate(stdio)]
    home = os.open(".", os.O_PATH | os.O_CLOEXEC)
    try:
        # boxd has one thread, so its own directory can stand for the child's: posix_spawn has no other way to say it.
        os.fchdir(cwd_fd)
        pid = _trying(lambda: os.posix_spawn(program, argv, env, file_actions=actions, setsid=True, setsigmask=[], setsigdef=_DEFAULTED))
    finally:
        os.fchdir(home)
        os.close(home)
    for kind, value in _limits.items():
        try:
            resource.prlimit(pid, kind, (value, value))
        except (OSError, ValueError):
            continue  # it has ended already, or its limit is lower
    return pid


def fork(body, keep=(), is_job=True, on_interrupt=signal.default_int_handler):
    """
    Runs `body(*descriptors)` in a fork with a session of its own. `keep` are moved out of the way of 0, 1, 2 and survive; all
    others are closed. A job is visible to its own kind; a helper of boxd stays as hidden as boxd.
    """
    pid = _trying(os.fork) if is_job else os.fork()
    return pid or _run_fork(body, keep, on_interrupt, _become_job if is_job else None)


def fork_ahead(body, keep):
    """As `fork`, for a job that is yet to come: hidden, and deaf to interrupts, until it calls `become_job`. Raises OSError."""
    pid = os.fork()
    return pid or _run_fork(body, keep, signal.SIG_IGN, _limit_job)


def become_job():
    """In a fork that was made ahead: from now on it is like any other job."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
    if _oom_fd is not None:
        with open("/proc/self/oom_score_adj", "wb", buffering=0) as file:
            file.write(_OOM_FIRST)


def may_have(count):
    """Whether programs of the box may be so many processes."""
    return _limits.get(resource.RLIMIT_NPROC, count) >= count


def _become_job():
    # The channel is closed by now, so there is nothing left to hide.
    _libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
    _limit_job()


def _limit_job():
    for kind, value in _limits.items():
        resource.setrlimit(kind, (value, value))


def _run_fork(body, keep, on_interrupt, become):
    status = 70
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, on_interrupt)
        os.setsid()
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        kept = _keep_only(keep)
        if become is not None:
            become()
        status = body(*kept) or 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(status)


def _keep_only(fds):
    """Closes everything from 3 upwards but `fds`, which get the numbers from 3 on."""
    high = [os.dup(fd) for fd in fds]
    high = [fd if fd >= 3 + len(fds) else _above(fd, 3 + len(fds)) for fd in high]
    for at, fd in enumerate(high):
        os.dup2(fd, 3 + at, inheritable=False)
    os.closerange(3 + len(fds), os.sysconf("SC_OPEN_MAX"))
    return range(3, 3 + len(fds))


def _above(fd, least):
    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, least)


def _trying(start):
    """Starts a job; when the box is full of processes, empties it once and tries again."""
    for attempt in range(200):
        try:
            with _job_defaults():
                return start()
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ENOMEM):
                raise
            if not _owns_box:
                break
            if attempt % 50 == 0:
                os.kill(-1, signal.SIGKILL)
            # Nothing tells when the kernel has taken the dead off the count.
            time.sleep(0.005)
    raise Failure("SANDBOX_DIED", "the box can start no more processes", reason="pids")


def refuses_more(gone=0):
    """
    `pids` when there are as many processes and threads in the box as it may have, so that the next one is refused; else None.
    `gone` are those that have ended just now. Only where boxd keeps that limit itself: a control group counts what it refuses.
    """
    most = _limits.get(resource.RLIMIT_NPROC)
    if most is None or not _owns_box:
        return None
    states = (_stat(name) for name in os.listdir("/proc") if name.isdigit())
    return "pids" if sum(state[5] for state in states if state is not None) + gone >= most else None


def find_program(name, path, cwd_fd):
    """The path of a program as `execvp` would find it; None when there is none."""
    if "/" in name:
        return name
    for folder in path.split(":"):
        candidate = os.path.join(folder or ".", name)
        if os.access(candidate, os.X_OK, dir_fd=cwd_fd) and not os.path.isdir(candidate):
            return candidate
    return None


def moment():
    """
    What tells births before from those after: the time as processes have it, which is coarse, and the number that was given last. 0
    where the kernel does not tell that; then all of the same tick count as later.
    """
    return int(time.clock_gettime(time.CLOCK_BOOTTIME) * _TICKS_PER_S), _newest()


def _newest():
    try:
        return 0 if _newest_fd is None else int(os.pread(_newest_fd, 128, 0).rsplit(None, 1)[1])
    except (OSError, ValueError, IndexError):
        return 0


def end(loop, leader, since=None, mark=None, ended=lambda: None):
    """
    Kills the group of `leader`, its session and its descendants, and who has the variable `mark` in its environment, looks again
    until nothing of it lives, then calls `ended`; at last everything in the box is killed. `since`: also what was born after that
    moment and has lost its parent, which is how a program escapes that forks faster than it is found. Outside of a box that could
    be anybody's, so it is left alone there.
    """
    born = since if _owns_box else None

    def attempt(count):
        alive = _tree(leader, born, mark)
        if (alive or count == 0) and count < LAST_ATTEMPT:
            # The group in one call first: the kernel lets nothing in it fork meanwhile.
            _quietly(os.killpg, leader)
            for target in alive:
                _quietly(os.kill, target)
            loop.at(time.monotonic() + 0.002 * 2**count, lambda: attempt(count + 1))
            return
        if alive and _owns_box:
            os.kill(-1, signal.SIGKILL)
        ended()

    attempt(0)


def _quietly(act, target):
    try:
        act(target, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _stat(name):
    """(state, parent, group, session, start time, threads) of a process; None when it has ended."""
    try:
        fd = os.open(f"/proc/{name}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        # The name in parentheses may hold anything, so the fields are those after the last one.
        fields = os.read(fd, 4096).rpartition(b")")[2].split()
        return fields[0], int(fields[1]), int(fields[2]), int(fields[3]), int(fields[19]), int(fields[17])
    except (OSError, ValueError, IndexError):
        return None
    finally:
        os.close(fd)


def _has_variable(name, mark):
    try:
        fd = os.open(f"/proc/{name}/environ", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return mark in os.read(fd, MOST_ENVIRONMENT).split(b"\0")
    except OSError:
        return False
    finally:
        os.close(fd)


def _tree(leader, born, mark):
    """Living processes in the session of `leader`, or descended from it, or marked, or orphans born after the moment `born`."""
    parents, found = {}, set()
    for name in os.listdir("/proc"):
        state = _stat(name) if name.isdigit() else None
        if state is None or state[0] in (b"Z", b"X"):
            continue
        _, parent, group, session, start, _ = state
        pid = int(name)
        parents.setdefault(parent, []).append(pid)
        is_orphan = born is not None and parent == 1 and (start, pid) > born and pid != _own_pid
        if leader in (pid, group, session) or is_orphan or (mark is not None and _has_variable(name, mark)):
            found.add(pid)
    pending = list(found | {leader})
    while pending:
        for child in parents.get(pending.pop(), ()):
            if child not in found:
                found.add(child)
                pending.append(child)
    return found
