"""Read what processes of a user did to paths from the output of strace. No process is started here.

strace must run with the options of `OPTIONS`.
"""

from __future__ import annotations

import posixpath
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

CREDENTIALS = ("setuid", "setreuid", "setresuid", "setfsuid")
BIRTHS = ("fork", "vfork", "clone", "clone3")
FIRST_IS_FD = ("fchmod", "fchown", "fsetxattr")
PATH_ALONE = {  # system call -> whether it follows a symlink at the end of the path
    "creat": True,
    "mkdir": False,
    "mknod": False,
    "unlink": False,
    "rmdir": False,
    "chmod": True,
    "chown": True,
    "lchown": False,
    "truncate": True,
    "setxattr": True,
    "lsetxattr": False,
}
AT = ("mkdirat", "mknodat", "unlinkat", "fchmodat", "fchmodat2", "fchownat", "utimensat", "openat", "openat2")
TWO = ("link", "rename")
TWO_AT = ("linkat", "renameat", "renameat2")
CALLS = (
    *("execve", "execveat", "chdir", "fchdir", "open", "bind", "symlink", "symlinkat"),
    *CREDENTIALS,
    *BIRTHS,
    *FIRST_IS_FD,
    *PATH_ALONE,
    *AT,
    *TWO,
    *TWO_AT,
)
OPTIONS = (
    *("-f", "-q", "--pidns-translation", "-y", "-s", "16384", "-e", "signal=none"),
    *("-e", "trace=" + ",".join(f"?{name}" for name in CALLS)),
)
"""The options of strace. With -y, it shows the path of each file descriptor, and of the working directory."""

SETUID = re.compile(r"/(sudo|su|mount|umount|passwd|newgrp|chsh|chfn|gpasswd|ping)$")
"""The programs that become root when another user runs them."""


@dataclass(frozen=True)
class Touch:
    """One path that a process creates, opens for writing, or changes, or a file that a process reads or executes.

    + call: name of the system call
    + place: path of the directory from which the process reached the path: its working directory, or an open one
    + path: the path as the process named it: absolute, or relative to ``place``
    + follows: whether the call follows a symlink at the end of the path
    + programs: the program of the process and its arguments, then those of its parents
    + real: the path of the opened file, with all symlinks resolved; empty if the call opened no file
    + creates: whether the call fails if something exists at the path
    + cwd: working directory of the process
    """

    call: str
    place: str
    path: str
    follows: bool = False
    programs: tuple[str, ...] = ()
    real: str = ""
    creates: bool = False
    cwd: str = ""

    @property
    def absolute(self) -> str:
        """The path from the root directory, with its symlinks."""
        return posixpath.normpath(posixpath.join(self.place, self.path)) if self.path else self.place

    @property
    def is_below(self) -> bool:
        """Whether the path leads only down from the working directory."""
        place = f"{self.place}/"
        return place.startswith(f"{self.cwd}/") and not self.path.startswith("/") and ".." not in self.path.split("/")

    @property
    def is_anchored(self) -> bool:
        """Whether no other process can redirect the call by a symlink.

        The process is in the directory already, and names an entry of the directory, or the directory itself.
        """
        name = self.path.removeprefix("./")
        return name in ("", ".") or (not name.startswith("/") and "/" not in name and name != ".." and not self.follows)


@dataclass(frozen=True)
class Process:
    """A process as the trace shows it.

    + user: id of the effective user
    + cwd: path of the working directory
    + programs: its program and arguments, then those of its parents
    """

    user: int
    cwd: str
    programs: tuple[str, ...] = ()


UNKNOWN = Process(0, "/")

LINE = re.compile(r"(?P<pid>\d+)\s+(?P<rest>.*)$", re.DOTALL)
UNFINISHED = re.compile(r"(.*)<unfinished \.\.\.>$", re.DOTALL)
RESUMED = re.compile(r"<\.\.\. (\w+) resumed>(.*)$", re.DOTALL)
CALL = re.compile(r"(?P<name>\w+)\((?P<arguments>.*)\)\s+= (?P<result>-?\d+|\?)(?P<more>.*)$", re.DOTALL)


def joined(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Yield the process and the whole text of each call: strace writes a call in two parts if another comes between.

    A call that creates a process is also yielded when it begins, because the new process may act before the call ends.
    """
    begun: dict[int, str] = {}
    for line in lines:
        match = LINE.match(line.rstrip("\n"))
        if not match:
            continue
        pid, rest = int(match["pid"]), match["rest"]
        if part := UNFINISHED.match(rest):
            begun[pid] = part[1]
        elif part := RESUMED.match(rest):
            yield pid, begun.pop(pid, f"{part[1]}(") + part[2]
        else:
            yield pid, rest


def touches(lines: Iterable[str], first: Mapping[int, Process], user: int = 0, reads: bool = False) -> Iterator[Touch]:
    """Yield the paths that processes of a user touch, in order.

    + lines: the output of strace
    + first: id -> process, for the processes that strace attached to
    + user: id of the user; 0 is root
    + reads: whether to yield also the files that the processes open for reading or execute. Directories are left out: a
      list of names harms nothing
    """
    calls = list(joined(lines))
    parents = _parents(calls)
    processes = dict(first)
    for pid, text in calls:
        if pid not in processes:
            processes[pid] = _born(pid, processes, parents)
        if text.startswith("+++"):
            del processes[pid]
            continue
        call = CALL.match(text)
        if not call:
            continue
        name, words, result = call["name"], arguments(call["arguments"]), call["result"]
        process = processes[pid]
        if name in ("execve", "execveat") or name in CREDENTIALS or name in ("chdir", "fchdir"):
            if result == "0":
                if reads and name == "execve" and process.user == user:
                    yield Touch(name, process.cwd, decoded(words[0]), True, process.programs)
                processes[pid] = _changed(process, name, words)
        elif process.user == user:
            yield from _touched(process, name, words, call["more"], reads)


def _parents(calls: Iterable[tuple[int, str]]) -> dict[int, deque[int]]:
    """Return the parents of each process. Several processes may have the same id, one after the other."""
    parents: dict[int, deque[int]] = {}
    for pid, text in calls:
        if text.startswith(BIRTHS) and (child := _child(text)):
            parents.setdefault(child, deque()).append(pid)
    return parents


def _born(pid: int, processes: dict[int, Process], parents: Mapping[int, deque[int]]) -> Process:
    """Return a new process, which is like its parent. The parent's first call may end after a call of the child."""
    born = parents.get(pid)
    if not born:
        return UNKNOWN
    parent = born.popleft()
    if parent not in processes:
        processes[parent] = _born(parent, processes, parents)
    return processes[parent]


def _child(text: str) -> int:
    """Return the id of a new process, as strace sees it; 0 if none was made."""
    match = re.search(r"= (\d+)(?: /\* (\d+) in strace's PID NS \*/)?$", text)
    return int(match[2] or match[1]) if match else 0


def _changed(process: Process, name: str, words: list[str]) -> Process:
    """Return a process after a call that changes its program, user or working directory."""
    if name == "chdir":
        return replace(process, cwd=posixpath.normpath(posixpath.join(process.cwd, decoded(words[0]))))
    if name == "fchdir":
        return replace(process, cwd=of_fd(words[0]))
    if name in ("execve", "execveat"):
        program, argv = (words[0], words[1]) if name == "execve" else (words[1], words[2])
        path = decoded(program) or of_fd(words[0])
        told = " ".join([path, *(decoded(word) for word in arguments(argv.strip("[]"))[1:])])
        # a new program replaces the former one, but its parents and what started it stay known
        return replace(
            process, programs=(told, *process.programs)[:12], user=0 if SETUID.search(path) else process.user
        )
    if name == "setfsuid":
        return replace(process, user=int(words[0]))
    user = words[0] if name == "setuid" else words[1]
    return process if user == "-1" else replace(process, user=int(user))


def _touched(process: Process, name: str, words: list[str], more: str, reads: bool) -> Iterator[Touch]:
    """Yield the paths that a call of a process touches."""
    if name in ("open", "openat", "openat2"):
        found = _opened(name, process.cwd, words, more, reads)
    elif name in TWO or name in TWO_AT or name.startswith("symlink"):
        found = _named_twice(name, process.cwd, words)
    else:
        found = _named_once(name, process.cwd, words)
    for touch in found:
        yield replace(touch, programs=process.programs, cwd=process.cwd)


def _opened(name: str, cwd: str, words: list[str], more: str, reads: bool) -> Iterator[Touch]:
    """Yield the path of a file that a process opens for writing or, with ``reads``, has opened for reading."""
    place, path, *flags = (cwd, *words) if name == "open" else (of_fd(words[0]), *words[1:])
    how = ",".join(flags)
    writes = re.search(r"O_(WRONLY|RDWR|CREAT|TRUNC|APPEND|TMPFILE)", how)
    real = match[1] if (match := re.match(r"<(/.*?)>(\(deleted\))?$", more)) else ""
    if (writes or (reads and real and "O_DIRECTORY" not in how)) and "O_PATH" not in how:
        exclusive = "O_EXCL" in how and "O_CREAT" in how
        yield Touch(name, place, decoded(path), "O_NOFOLLOW" not in how and not exclusive, (), real, exclusive)


def _named_twice(name: str, cwd: str, words: list[str]) -> Iterator[Touch]:
    """Yield the paths of a call that has two paths. The first path of a symlink is only text."""
    at = name in TWO_AT
    places = (of_fd(words[0]), of_fd(words[2])) if at else (cwd, of_fd(words[1]) if name == "symlinkat" else cwd)
    if not name.startswith("symlink"):
        yield Touch(name, places[0], decoded(words[1 if at else 0]), "AT_SYMLINK_FOLLOW" in words[-1])
    last = words[3 if at else 2 if name == "symlinkat" else 1]
    yield Touch(name, places[1], decoded(last), creates=not name.startswith("rename"))


def _named_once(name: str, cwd: str, words: list[str]) -> Iterator[Touch]:
    """Yield the path of a call that has one path or one file descriptor."""
    creates = name.startswith(("mkdir", "mknod"))
    if name in FIRST_IS_FD:
        if (path := of_fd(words[0])).startswith("/") and "<" in words[0]:
            yield Touch(name, path, "")
    elif name in PATH_ALONE:
        yield Touch(name, cwd, decoded(words[0]), PATH_ALONE[name], creates=creates)
    elif name == "bind":
        if match := re.search(r'sun_path=("(?:[^"\\]|\\.)*")', ",".join(words)):
            yield Touch(name, cwd, decoded(match[1]), creates=True)
    elif name in AT and words[1] != "NULL":
        follows = not creates and name != "unlinkat" and not any("AT_SYMLINK_NOFOLLOW" in word for word in words)
        yield Touch(name, of_fd(words[0]), decoded(words[1]), follows, creates=creates)


def arguments(text: str) -> list[str]:
    """Split the arguments of a call at the commas between them."""
    found, depth, quoted, begin, at = [], 0, False, 0, 0
    while at < len(text):
        sign = text[at]
        if quoted and sign == "\\":
            at += 1
        elif sign == '"':
            quoted = not quoted
        elif not quoted and sign in "([{":
            depth += 1
        elif not quoted and sign in ")]}":
            depth -= 1
        elif not quoted and depth == 0 and sign == "<":
            # the path of a file descriptor may contain anything; strace escapes its end
            at = max(at, text.find(">", at))
        elif not quoted and depth == 0 and sign == ",":
            found.append(text[begin:at].strip())
            begin = at + 1
        at += 1
    last = text[begin:].strip()
    return [*found, last] if last else found


ESCAPE = re.compile(r"\\([0-7]{1,3}|x[0-9a-f]{2}|.)")
LETTERS = {"n": "\n", "t": "\t", "r": "\r", "v": "\v", "f": "\f", "a": "\a", "b": "\b"}


def decoded(word: str) -> str:
    """Return the text of a string as strace prints it, with quotes and escapes. A shortened string keeps its dots."""

    def sign(match: re.Match[str]) -> str:
        code = match[1]
        if code[0] in "01234567":
            return chr(int(code, 8))
        return chr(int(code[1:], 16)) if code[0] == "x" else LETTERS.get(code, code)

    inner = word[1:].rpartition('"')[0] if word.startswith('"') else word
    return ESCAPE.sub(sign, inner).encode("latin-1", "replace").decode("utf-8", "replace")


def of_fd(word: str) -> str:
    """Return the path of a file descriptor, which strace prints as ``3</path>``."""
    match = re.match(r"(?:-?\d+|AT_FDCWD)<(.*)>$", word, re.DOTALL)
    return match[1] if match else "/"
