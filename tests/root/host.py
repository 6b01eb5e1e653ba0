"""Trace the processes of a container with strace, from this machine, and read who owns what in the container."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from typing_extensions import override

from tests.root.rule import Entry, Others
from tests.root.trace import OPTIONS, Process, Touch, touches


class Entries(Mapping[str, Entry]):
    """What exists in a container: path -> entry. The directories in a path must not be symlinks.

    An entry that was looked up before, and is gone now, is still known.

    + root: a path on this machine under which the files of the container are
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._known: dict[str, Entry] = {}

    @override
    def __getitem__(self, path: str) -> Entry:
        try:
            found = os.lstat(f"{self._root}{path}")
            target = os.readlink(f"{self._root}{path}") if stat.S_ISLNK(found.st_mode) else ""
        except OSError:
            return self._known[path]
        self._known[path] = Entry(found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode), target)
        return self._known[path]

    @override
    def __iter__(self) -> Iterator[str]:
        raise NotImplementedError

    @override
    def __len__(self) -> int:
        raise NotImplementedError


def account(root: str, user: str) -> int:
    """Return the id of a user of a container.

    + root: a path on this machine under which the files of the container are
    """
    return next(int(words[2]) for words in _words(root, "passwd") if words[0] == user)


def others(root: str, users: Iterable[str]) -> Others:
    """Return users of a container, with all their groups.

    + root: a path on this machine under which the files of the container are
    + users: names of the users
    """
    names = set(users)
    accounts = [words for words in _words(root, "passwd") if words[0] in names]
    groups = {int(words[2]) for words in _words(root, "group") if names & set(words[3].split(","))}
    return Others(
        frozenset(int(words[2]) for words in accounts), frozenset({*groups, *(int(words[3]) for words in accounts)})
    )


def _words(root: str, file: str) -> list[list[str]]:
    return [line.split(":") for line in Path(f"{root}/etc/{file}").read_text().splitlines()]


class Tracer:
    """Traces all processes of a container, and those that they start.

    + first: id of the container's first process on this machine
    + output: file for the output of strace
    """

    def __init__(self, first: int, output: Path) -> None:
        self._output = output
        ids = _processes(first)
        self._first = {}
        for pid in ids:
            # a process may end between the look at /proc and this question
            with suppress(OSError):
                self._first[pid] = _process(pid)
        words = [word for pid in ids for word in ("-p", str(pid))]
        self._strace = subprocess.Popen(["strace", *OPTIONS, "-o", str(output), *words])
        # each system call of a traced process waits for strace, even if the machine is busy with other things
        os.setpriority(os.PRIO_PROCESS, self._strace.pid, -10)

    @property
    def is_attached(self) -> bool:
        """Whether all processes are traced that were there at the beginning and still exist."""
        return all(_tracer(pid) != "0" for pid in self._first)

    def end(self) -> None:
        """End the trace. The traced processes go on."""
        self._strace.send_signal(signal.SIGINT)
        self._strace.wait()

    def touched(self, user: int = 0, reads: bool = False) -> list[Touch]:
        """Return what processes of a user have touched, after the end of the trace.

        + user: id of the user; 0 is root
        + reads: whether also the files that the processes have read or executed
        """
        with self._output.open(errors="replace") as lines:
            return list(touches(lines, self._first, user, reads))


def _processes(first: int) -> list[int]:
    """Return the ids of all processes in the process namespace of a container."""
    space = os.readlink(f"/proc/{first}/ns/pid")
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(path / "ns/pid") == space:
                found.append(int(path.name))
        except OSError:
            continue
    return found


def _process(pid: int) -> Process:
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    program = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").strip()
    return Process(int(status["Uid"].split()[1]), os.readlink(f"/proc/{pid}/cwd"), (program,))


def _tracer(pid: int) -> str:
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return "gone"
    return next(line.split()[1] for line in text.splitlines() if line.startswith("TracerPid:"))
