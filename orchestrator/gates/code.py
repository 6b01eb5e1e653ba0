"""The code that really runs, asked of the color's own PHP-FPM: a link proves nothing."""

from __future__ import annotations

from orchestrator.facts.answers import ColorSaid


def judge(said: ColorSaid, release: str) -> str | None:
    """None if the color's processes are new ones that run this release only, else one line that says what is wrong."""
    if said.code is None:
        return "its PHP-FPM does not answer by FastCGI"
    if said.started is None or said.started[0] != release:
        return f"it was not started for {release}"
    if said.code.get("release") != release:
        return f"its PHP-FPM finds the code of {said.code.get('release') or 'no release'}"
    born = (said.code.get("master") or {}).get("started")
    # the start is noted in whole seconds, and the kernel gives the time of its own boot in whole seconds, too
    if not isinstance(born, int | float) or born < said.started[1] - 2:
        return "its PHP-FPM is older than the release's start: it was not restarted"
    opcache = said.code.get("opcache") or {}
    if opcache.get("enabled"):
        if opcache.get("others"):
            return f"its OPcache holds {opcache['others']} files of other releases"
        if not opcache.get("own"):
            return f"its OPcache holds no file of {release}: the release never ran"
    return None
