"""The code that really runs, asked of the color's own processes: a link proves nothing."""

from __future__ import annotations

from orchestrator.facts.answers import ColorSaid


def judge(said: ColorSaid, release: str, what: str = "PHP-FPM") -> str | None:
    """None if the color's processes are new ones that run this release only, else one line that says what is wrong.

    + what: what runs, for people; empty if nothing does but nginx, whose answers say it all
    """
    if said.code is None and what:
        return f"its {what} does not say what it runs"
    if said.started is None or said.started[0] != release:
        return f"it was not started for {release}"
    if said.code is None:
        return None
    if said.code.get("release") != release:
        return f"its {what} has the code of {said.code.get('release') or 'no release'}"
    born = (said.code.get("master") or {}).get("started")
    # the start is noted in whole seconds, and the kernel gives the time of its own boot in whole seconds, too
    if not isinstance(born, int | float) or born < said.started[1] - 2:
        return f"its {what} is older than the release's start: it was not restarted"
    opcache = said.code.get("opcache") or {}
    if opcache.get("enabled"):
        if opcache.get("others"):
            return f"its OPcache holds {opcache['others']} files of other releases"
        if not opcache.get("own"):
            return f"its OPcache holds no file of {release}: the release never ran"
    return None
