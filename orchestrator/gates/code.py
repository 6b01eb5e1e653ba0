"""Gate: a color's processes report that they run the code of the release.

It is not enough that the color points to the release, because processes keep their old code until they restart.
"""

from __future__ import annotations

from orchestrator.facts.answers import ColorSaid


def judge(said: ColorSaid, release: str, what: str = "PHP-FPM") -> str | None:
    """Return None if the color's processes were started for this release and run only the code of this release.

    Otherwise return one line about the problem.

    + said: the report of the color's processes about their code, and the record of the color's last start
    + release: id of the release
    + what: name of the processes in the message. Empty if only nginx answers requests. Then a report is not needed,
      because the gate of ``http.py`` finds the release in nginx's answers
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
        return f"its {what} is older than the release's start: {what} was not restarted"
    opcache = said.code.get("opcache") or {}
    if opcache.get("enabled"):
        if opcache.get("others"):
            return f"its OPcache holds {opcache['others']} files of other releases"
        if not opcache.get("own"):
            return f"its OPcache holds no file of {release}: the release never ran"
    return None
