"""The rule: a user touches no path of which users with fewer rights can change any part. All functions are pure.

The user is root, or the deploy user, whom the web user must not redirect.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.root.trace import Touch


@dataclass(frozen=True)
class Entry:
    """A file, directory or symlink on a host.

    + user, group: ids of the owner and of the group
    + mode: permissions, such as ``0o755``
    + target: target of a symlink; empty for everything else
    """

    user: int
    group: int
    mode: int
    target: str = ""


@dataclass(frozen=True)
class Others:
    """The users who must not get the rights of another user.

    They are the deploy user and the web user if the other user is root, and the web user if it is the deploy user.

    + users, groups: their ids, and the ids of their groups
    """

    users: frozenset[int]
    groups: frozenset[int]

    def change(self, directory: Entry) -> bool:
        """Return whether one of the users can change the entries of a directory."""
        return bool(
            directory.user in self.users
            or (directory.mode & 0o020 and directory.group in self.groups)
            or directory.mode & 0o002
        )


@dataclass(frozen=True)
class Allowed:
    """An exception of the rule.

    + program: a pattern that matches the program of the process, or of one of its parents, with its arguments
    + path: a pattern that matches the whole path
    + reason: why no other user gains anything
    + anchored: whether no symlink may be able to redirect the call: it is anchored (`Touch.is_anchored`), or it follows
      no symlink, and others can change only the directory of the touched entry
    + itself: whether the pattern must match the program of the process itself
    + within: a pattern for a working directory that only the touching user can enter. There, a call need not be
      anchored if its path leads only down from the working directory. Empty if the working directory does not matter
    """

    program: str
    path: str
    reason: str
    anchored: bool = True
    itself: bool = False
    within: str = ""

    def permits(self, touch: Touch, directory: str) -> bool:
        """Return whether the exception is for a call.

        + directory: the first directory of the touched path that others can change
        """
        is_fixed = touch.is_anchored or (not touch.follows and directory == posixpath.dirname(touch.absolute))
        if self.within:
            is_fixed = touch.is_below and re.fullmatch(self.within, touch.cwd) is not None
        programs = touch.programs[:1] if self.itself else touch.programs
        return (
            (is_fixed or not self.anchored)
            and re.fullmatch(self.path, touch.absolute) is not None
            and any(re.search(self.program, program) for program in programs)
        )


LINKS = 40
"""The largest number of symlinks in a path."""


def weakness(
    path: str, follows: bool, entries: Mapping[str, Entry], others: Others, made: frozenset[str] = frozenset()
) -> str | None:
    """Return the first directory of a path that other users can change; None if there is none.

    In a sticky directory such as ``/tmp``, other users cannot replace an entry of root.

    + path: absolute path
    + follows: whether a symlink at the end of the path is followed
    + entries: what exists on the host: path -> entry
    + made: paths of files and directories that the touching user has made, and may have removed meanwhile
    """
    rest = [part for part in path.split("/") if part]
    here, links = "", 0
    while rest:
        directory = entries.get(here or "/")
        part = rest.pop(0)
        below = f"{here}/{part}"
        entry = entries.get(below)
        if directory is not None and others.change(directory):
            sticky = directory.mode & 0o1000 and directory.user not in others.users
            is_roots = (entry is not None and entry.user == 0) or (entry is None and below in made)
            if not (sticky and is_roots):
                return here or "/"
        if part == "..":
            here = posixpath.dirname(here).rstrip("/")
            continue
        if entry is not None and entry.target and (rest or follows):
            links += 1
            if links > LINKS:
                return below
            rest = [*(part for part in entry.target.split("/") if part and part != "."), *rest]
            here = "" if entry.target.startswith("/") else here
            continue
        here = below
    return None


def violations(
    touched: Iterable[Touch], entries: Mapping[str, Entry], others: Others, allowed: Sequence[Allowed]
) -> list[str]:
    """Return one line for each touched path of which other users can change a part.

    + entries: what exists on the host: path -> entry
    + others: the users who must not get the rights of the user whose calls these are
    + allowed: the exceptions
    """
    touched = list(touched)
    made = frozenset(touch.absolute for touch in touched if touch.creates)
    lines: dict[str, None] = {}
    for touch in touched:
        directory = _weakness(touch, entries, others, made)
        if directory is None or any(one.permits(touch, directory) for one in allowed):
            continue
        by = " < ".join(program[:160] for program in touch.programs[:4])
        lines[f"{touch.call} {touch.absolute}: others can change {directory}: {by}"] = None
    return list(lines)


def _weakness(touch: Touch, entries: Mapping[str, Entry], others: Others, made: frozenset[str]) -> str | None:
    """Return the first directory of a touched path that other users can change; None if there is none."""
    directory = weakness(touch.absolute, touch.follows, entries, others, made)
    if directory is not None and touch.creates:
        # the call makes a new entry, and follows no link: the directories above a sticky directory decide
        parent = entries.get(posixpath.dirname(touch.absolute))
        if parent is not None and parent.mode & 0o1000 and posixpath.dirname(touch.absolute) == directory:
            directory = None
    if directory is None and touch.real and touch.real != touch.absolute:
        directory = weakness(touch.real, False, entries, others, made)
    return directory
