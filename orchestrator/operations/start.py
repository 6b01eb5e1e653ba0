"""Points a color to a release and starts it fresh."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.scripts.files import read
from orchestrator.scripts.guarded import Guard, guarded

SCRIPT = read("operations/start.sh")


@operation()
def start(
    root: str,
    color: str,
    target: str,
    release: str | None,
    out: bool = False,
    services: Sequence[str] = (),
    said: str = "",
    timer: str = "",
    guard: Guard | None = None,
) -> Generator[StringCommand, None, None]:
    """
    Point a color to a release and restart its systemd target, so that all its processes are new.

    + root: directory of the application
    + color: ``blue`` or ``green``
    + target: the color's systemd target
    + release: id of the release, None for none (a color that never had one)
    + out: the node gets no traffic, so that its live color may be restarted, too
    + services: systemd units of the color's that have to run with this release, PHP-FPM's aside
    + said: script that tells a unit's last line, if any
    + timer: systemd timer that would give the color fewer workers, if any
    + guard: the guard to go through, if any

    Nothing happens if the color's processes were started for that release and run, all of them. The live color is
    refused.

    **Example:**

    .. code:: python

        start(root="/srv/shop", color="green", target="shop-green.target", release="20260101T120000Z-5d0f0c1")
    """
    yield guarded(SCRIPT, [root, color, target, release or "", "out" if out else "in", said, timer, *services], guard)
