"""Gate: a color's processes report that they run the code of the release.

The color's symlink proves nothing, because processes keep their old code until they restart.
"""

from __future__ import annotations

from orchestrator.facts.answers import ColorSaid


def judge(said: ColorSaid, release: str, what: str = "PHP-FPM") -> str | None:
    """Return None if the color's processes were restarted and run only this release, else one line about the problem.

    + said: the reports of the color's processes
    + what: the name of the processes for the message. Empty if only nginx runs. Then no report is needed, because
      nginx's answers on the health page name the release
    """
    if said.code is None and what:
        return f"its {what} does not report which code it runs"
    if said.started is None or said.started[0] != release:
        return f"the color was not started for {release}"
    if said.code is None:
        return None
    if said.code.get("release") != release:
        return f"its {what} has the code of {said.code.get('release') or 'no release'}"
    born = (said.code.get("master") or {}).get("started")
    # each of the two times may be off by a second, because the start and the kernel's boot are known in whole seconds
    if not isinstance(born, int | float) or born < said.started[1] - 2:
        return f"its {what} is older than the release's start: it was not restarted"
    opcache = said.code.get("opcache") or {}
    if opcache.get("enabled"):
        if opcache.get("others"):
            return f"its OPcache holds {opcache['others']} files of other releases"
        if not opcache.get("own"):
            return f"its OPcache holds no file of {release}: the release never ran"
    return None
