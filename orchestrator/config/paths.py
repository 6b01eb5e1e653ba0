"""Check the paths in the settings: paths in a release, on the hosts, and on the operator's machine."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from orchestrator.config.form import form, newly, shown

SYSTEM = (
    *("/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib32", "/lib64", "/libx32", "/lost+found", "/proc", "/root"),
    *("/run", "/sbin", "/snap", "/sys", "/tmp", "/usr", "/var"),  # noqa: S108 (only compared)
)
"""Directories of the system, or of its users. An application must not be in these directories."""

OF_APPLICATIONS = ("/srv", "/opt", "/mnt", "/media", "/var/www", "/var/opt", "/var/local")
"""Directories that may contain the directories of applications, but may not be the directory of an application."""

OF_PEOPLE = ("/home", "/root", "/tmp", "/usr", "/var")  # noqa: S108 (only compared)
"""Directories of the system in which an operator's copy of an application may be."""

IN_MEMORY = ("/dev/shm", "/run/user")  # noqa: S108 (only compared)
"""Directories of the system whose files are in memory. An operator may keep keys and copies of an application there."""

VOLATILE = ("/dev", "/proc", "/sys")
"""Directories that hold no files with data. Exception: the directories that ``IN_MEMORY`` names hold such files."""

OF_EVERYBODY = ("/dev", "/home", "/proc", "/run/user", "/sys", "/tmp", "/var/tmp")  # noqa: S108 (only compared)
"""Directories in which users other than root may write, or which hold no files on a disk."""


def below(path: str, directories: tuple[str, ...]) -> str | None:
    """Return the first of ``directories`` that contains the path; None if no directory contains the path.

    A directory also contains its own path.
    """
    return next((found for found in directories if path == found or path.startswith(f"{found}/")), None)


def normal(path: str) -> str:
    """Return a path without the parts ``.`` and without empty parts. The parts ``..`` stay."""
    return "/".join(part for part in path.split("/") if part not in ("", "."))


def relative(path: str) -> str:
    """Return the normalized path (see `normal`) of a file in a release; empty if the path has a part ``..``."""
    return "" if ".." in path.split("/") else normal(path)


def no_root(path: str) -> str | None:
    """Return why a directory cannot be the directory of an application on a node; None if the directory can be.

    Provisioning gives the directory to the deploy user.

    + path: absolute path without the parts ``.`` and ``..``
    """
    if path in OF_APPLICATIONS:
        return f"{path} may have directories of several applications: name a directory in {path}, such as {path}/shop"
    found = below(path, SYSTEM)
    if found and not below(path, OF_APPLICATIONS):
        return (
            f"{path} is a directory of the system: name a directory that only this application uses, such as /srv/shop"
        )
    return None


def _no_host_file(path: str) -> str | None:
    """Return why root must not read a file on a host; None if root may read the file."""
    if ".." in path.split("/"):
        return f"{path!r} must not contain the part .."
    if found := below(path, OF_EVERYBODY):
        return f"{path} is in {found}, where users other than root may write: move the file, for instance to /etc/ssl"
    return None


def no_log(argument: str) -> str | None:
    """Return why nginx on a balancer must not write a log to a file; None if nginx may write the log.

    nginx opens the file as root.

    + argument: argument of nginx's directive ``access_log``, such as a path
    """
    path = argument.split()[0]
    if not path.startswith("/"):
        return None
    if ".." in path.split("/") or "$" in path:
        return f"{path!r} must not contain .. or $"
    if below(path, ("/var/log/orchestrator",)):
        return f"{path} is in the directory of this tool's records: choose another directory, such as /var/log/nginx"
    if below(path, SYSTEM) and not path.startswith("/var/log/"):
        return f"{path} is a file of the system, and nginx writes its log as root: choose a file in /var/log/nginx"
    return None


def _no_file(path: str) -> str | None:
    """Return why a path on the operator's machine cannot be a file with data; None if the path can be a file."""
    if path.endswith(("/", "/.", "/..")) or path in (".", "..", "~"):
        return f"{path!r} is a directory: name a file"
    if (found := below(path, VOLATILE)) and not below(path, IN_MEMORY):
        return f"{path} is in {found}, which holds no files with data: name another file"
    return None


def _no_checkout(path: str) -> str | None:
    """Return why a path on the operator's machine cannot be a directory of the application; None if it can be."""
    plain = "/" + normal(path) if path.startswith("/") else normal(path)
    shared = (*OF_APPLICATIONS, *OF_PEOPLE, *IN_MEMORY, "/", "/usr/local", "/usr/share", "~")
    if plain in shared and path not in (".", "./"):
        return f"{path!r} has more than the files of one application: name the directory of the application"
    if below(plain, SYSTEM) and not below(plain, (*OF_PEOPLE, *IN_MEMORY)):
        return f"{path} is a directory of the system: name the directory of the application"
    return None


HostFile = Annotated[
    str,
    form(
        r"/[A-Za-z0-9._@+/-]+",
        "the path of a file on the balancer",
        "use letters, digits and . _ @ + - /, with / at the beginning",
    ),
    newly(_no_host_file),
]
"""A file on a host, which root reads."""

OperatorFile = Annotated[str, form(r".+", "a path", "name a file on the operator's machine"), newly(_no_file)]
"""A file on the operator's machine."""

OperatorTree = Annotated[str, form(r".+", "a path", "name a directory on the operator's machine"), newly(_no_checkout)]
"""A directory on the operator's machine whose files belong to the application."""


def inside(path: str) -> str:
    """Return a path inside a release, without ``/`` at the end.

    Raises ValueError in these cases: the path is empty or absolute; it has an empty part, a part ``.`` or ``..``, or a
    line break; it lies in ``.git`` or ``.release``.
    """
    parts = path.removesuffix("/").split("/")
    if not path or path.startswith("/") or any(part in ("", ".", "..") for part in parts) or "\n" in path:
        near = relative(path)
        hint = f" (did you mean {near}?)" if near else ""
        raise ValueError(f"{shown(path)} is not a path inside a release{hint}")
    if parts[0] in (".git", ".release"):
        raise ValueError(f"{shown(path)} belongs to git or to the orchestrator: choose another path")
    return "/".join(parts)


def _no_pattern(pattern: str) -> str | None:
    """Return why a text is no pattern of paths inside a release; None if the text is such a pattern."""
    if not pattern or pattern.startswith("/") or ".." in pattern.split("/"):
        near = relative(pattern)
        hint = f" (did you mean {near}?)" if near else ""
        return f"{shown(pattern)} is not a path or pattern inside a release{hint}"
    return None


def _no_path(path: str) -> str | None:
    """Return why a text is neither a path inside a release nor ``.`` (the whole release).

    Return None if the text is such a path or ``.``.
    """
    try:
        if path not in (".", "./"):
            inside("/".join(part for part in path.split("/") if part != ".") if path.startswith("./") else path)
    except ValueError as error:
        return str(error)
    return None


ReleasePath = Annotated[str, AfterValidator(inside)]
"""A path inside a release, relative to the directory of the release."""

ReleasePathOrAll = Annotated[str, newly(_no_path)]
"""A path inside a release; ``.`` means the whole release."""

ReleasePattern = Annotated[str, newly(_no_pattern)]
"""A path inside a release, or a pattern of such paths."""


def overlap(one: str, other: str) -> bool:
    """Return whether both paths are equal, or one path lies below the other."""
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")
