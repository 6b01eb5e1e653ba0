"""Point a color to a release and restart the color's processes."""

from __future__ import annotations

from collections.abc import Generator

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
    services: bool = False,
    warms: bool = True,
    said: str = "",
    timer: str = "",
    guard: Guard | None = None,
) -> Generator[StringCommand, None, None]:
    """
    Point a color to a release and restart the color's systemd target, so that all processes of the color are new.

    + root: directory of the application
    + color: ``blue`` or ``green``
    + target: the color's systemd target
    + release: id of the release; None to take the release away from the color, so that the color serves nothing
    + out: True if the node is barred. On a barred node, even the live color may be restarted
    + services: whether the operation fails if a service of the release does not run after the restart
    + warms: whether the run warms the color afterwards. If not, later commands find the color cold
    + said: path of the program that prints the last line that a unit has logged, for error messages; empty for no
      program
    + timer: systemd timer that would later give the color fewer PHP-FPM workers. The operation stops this timer. Empty
      for no timer
    + guard: guard of the node, through which the command runs; None to run the command directly

    If the color is live and ``out`` is False, the operation fails and changes nothing. If the color already runs this
    release with all its workers, the processes are not restarted, but the timer is still stopped.

    **Example:**

    .. code:: python

        start(root="/srv/shop", color="green", target="shop-green.target", release="20260101T120000Z-5d0f0c1")
    """
    about = [root, color, target, release or "", "out" if out else "in", said, timer]
    about += ["all" if services else "none", "yes" if warms else "no"]
    yield guarded(SCRIPT, about, guard)
