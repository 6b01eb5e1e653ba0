"""Gate: a release compiles and fits into the color's OPcache. The numbers come from PHP-FPM, after compiling. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any

MIB = 1 << 20

ROOM = 1.25
"""Factor by which the proposed value of a PHP directive is larger than the value that the release needs.

The proposed value is larger because requests and later releases will need more.
"""

STRINGS_LEFT = 64
"""OPcache's buffer of interned strings counts as full if less than 1/64 of the buffer is free."""


def judge(said: Mapping[str, Any]) -> str | None:
    """Return None if the release fits into the OPcache. Otherwise return one line with proposals.

    The line names each PHP directive that is too small, its present value, and a better value. If OPcache is off, or if
    nothing was compiled, return None.

    + said: the JSON report of the inspection script ``inspect.php``
    """
    opcache, compiled = said.get("opcache") or {}, said.get("compile")
    if not compiled or not compiled["files"] or not opcache.get("enabled"):
        return None
    files = compiled["files"] - compiled["failed"]
    strings, now = _strings(opcache), opcache["ini"]
    more = (strings - now["opcache.interned_strings_buffer"]) * MIB if strings else 0
    wanted = {
        "opcache.max_accelerated_files": _keys(opcache, files),
        "opcache.interned_strings_buffer": strings,
        "opcache.memory_consumption": _memory(opcache, files, more),
    }
    settings = [f"{name} = {value} (now {now[name]})" for name, value in wanted.items() if value]
    if not settings:
        return None
    held = f"{opcache['own']} of its {files} PHP files are in OPcache"
    return f"the release does not fit into OPcache ({held}): set {', '.join(settings)} in the setting php.ini"


def detail(said: Mapping[str, Any]) -> str:
    """Return one line about the release's files in the OPcache, such as ``4539 files, 61.3 MiB, 3.1 s``.

    The seconds are the time that PHP-FPM needed to compile the files.

    + said: the JSON report of the inspection script ``inspect.php``
    """
    opcache, compiled = said.get("opcache") or {}, said.get("compile")
    if not opcache.get("enabled"):
        return "OPcache is off"
    if not compiled:
        return ""
    if not compiled["files"]:
        return "php.compile names no directory with a PHP file"
    parts = [
        f"{opcache['own']} files",
        f"{opcache['own_bytes'] / MIB:.1f} MiB",
        f"{compiled['seconds']:.1f} s",
    ]
    if aside := compiled["failed"] - len(_broken(compiled)):
        parts.append(f"{aside} files that no request runs directly do not compile ({compiled['first']})")
    return ", ".join(parts)


def broken(said: Mapping[str, Any]) -> str | None:
    """Return one line about the files that a request can run and that do not compile; None if there are no such files.

    The line names the file nearest to the document root, with the message of PHP.

    + said: the JSON report of the inspection script ``inspect.php``
    """
    files = _broken(said.get("compile") or {})
    if not files:
        return None
    first, *others = files
    more = f"; {len(others)} more files do not compile ({others[0]['file']})" if others else ""
    return f"{first['file']} does not compile, so requests for it answer status 500: {first['why']}{more}"


def _broken(compiled: Mapping[str, Any]) -> list[dict[str, str]]:
    # the inspection script of an earlier version of this tool reports no such files
    return list(compiled.get("broken") or [])


def _keys(opcache: Mapping[str, Any], files: int) -> int | None:
    """Return the value to propose for ``opcache.max_accelerated_files``; None if the present value is high enough.

    + opcache: the part ``opcache`` of the report of ``inspect.php``
    + files: number of files in the release that compile without an error
    """
    if opcache["num_cached_keys"] < opcache["max_cached_keys"] and files <= opcache["max_cached_keys"]:
        return None
    others = opcache["num_cached_keys"] - opcache["own"]
    return _up(ROOM * (files + others), 1000)


def _strings(opcache: Mapping[str, Any]) -> int | None:
    """Return the size in MiB to propose for ``opcache.interned_strings_buffer``; None if the buffer is large enough.

    The proposal is twice the present size, because PHP does not report how much is missing.

    + opcache: the part ``opcache`` of the report of ``inspect.php``
    """
    size = opcache["strings_size"]
    if not size or opcache["strings_free"] >= size / STRINGS_LEFT:
        return None
    return 2 * int(opcache["ini"]["opcache.interned_strings_buffer"])


def _memory(opcache: Mapping[str, Any], files: int, more: int) -> int | None:
    """Return the size in MiB to propose for ``opcache.memory_consumption``; None if the memory is large enough.

    The proposal is an estimate from the average size of the files that are already in the OPcache.

    + opcache: the part ``opcache`` of the report of ``inspect.php``
    + files: number of files in the release that compile without an error
    + more: bytes by which the proposed buffer of interned strings is larger than the present buffer. The buffer is a
      part of this memory
    """
    total = opcache["used"] + opcache["free"] + opcache["wasted"]
    each = opcache["own_bytes"] / opcache["own"] if opcache["own"] else total / max(1, files)
    # if the OPcache is not full, a file is missing from it only because PHP's configuration excludes the file
    missing = max(0, files - opcache["own"]) if opcache["full"] else 0
    needed = opcache["used"] + opcache["wasted"] + missing * each + more
    full = opcache["full"] and opcache["num_cached_keys"] < opcache["max_cached_keys"]
    return _up(ROOM * max(needed, total) / MIB, 16) if full or needed > total else None


def _up(value: float, step: int) -> int:
    """Return the smallest multiple of ``step`` that is not below ``value``."""
    return step * ceil(value / step)
