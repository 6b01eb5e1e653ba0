"""Gate: a color's processes run the code of the release. The processes report it, since a link proves nothing."""

from __future__ import annotations

from orchestrator.facts.answers import ColorSaid


def judge(said: ColorSaid, release: str, what: str = "PHP-FPM") -> str | None:
    """Return None if the processes were restarted and run only this release, otherwise one line with the problem.

    + what: the runtime's name for the message; empty if only nginx runs, whose answers are sufficient proof
    """
    if said.code is None and what:
        return f"its {what} does not report which code it runs"
    if said.started is None or said.started[0] != release:
        return f"it was not started for {release}"
    if said.code is None:
        return None
    if said.code.get("release") != release:
        return f"its {what} has the code of {said.code.get('release') or 'no release'}"
    born = (said.code.get("master") or {}).get("started")
    # both times may be off by a second: the start is recorded in whole seconds, and so is the kernel's boot time
    if not isinstance(born, int | float) or born < said.started[1] - 2:
        return f"its {what} is older than the release's start: it was not restarted"
    opcache = said.code.get("opcache") or {}
    if opcache.get("enabled"):
        if opcache.get("others"):
            return f"its OPcache holds {opcache['others']} files of other releases"
        if not opcache.get("own"):
            return f"its OPcache holds no file of {release}: the release never ran"
    return None
