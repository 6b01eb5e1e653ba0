"""Runs a build step in a release, or takes over what the live release has of it."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.scripts.files import read
from orchestrator.scripts.guarded import Guard, guarded

SCRIPT = read("operations/build.sh")


@operation(is_idempotent=False)
def build(
    root: str,
    release: str,
    color: str,
    live: str | None,
    step: str,
    run: str,
    when: str | None = None,
    inputs: Sequence[str] = (),
    listed: Sequence[str] = (),
    outputs: Sequence[str] = (),
    only_taken_over: bool = False,
    guard: Guard | None = None,
) -> Generator[StringCommand, None, None]:
    """
    Run a build step in a release, unless the live release has its outputs from the same inputs.

    + root: directory of the application
    + release: id of the release
    + color: ``blue`` or ``green``, for which it is made
    + live: id of the release whose outputs may be taken over, None for none
    + step: its name
    + run: shell command
    + when: shell command; the step is left out where its status is not 0
    + inputs: files whose content it reads, as patterns (``*`` stands for ``/``, too)
    + listed: files of which it reads only the names
    + outputs: paths that it makes, relative to the release; none if it has to run each time
    + only_taken_over: fail rather than run
    + guard: the guard to go through, if any

    Outputs are taken over by reflinks or hard links, and are read-only: a file of them is never written by anybody.
    One that ``permissions.modes`` has made writable in the live release is copied.
    Outputs of which a file names the release or its color are never taken over.

    **Example:**

    .. code:: python

        build(root="/srv/shop", release="20260101T120000Z-5d0f0c1", color="green", live="20251231T120000Z-0f3c9aa",
              step="composer", run="composer install --no-dev", inputs=["composer.lock"], outputs=["vendor"])
    """
    about = words(step, run, when, inputs, listed, outputs)
    yield guarded(SCRIPT, [root, release, color, live or "", *about, "only" if only_taken_over else ""], guard)


def words(
    step: str, run: str, when: str | None, inputs: Sequence[str], listed: Sequence[str], outputs: Sequence[str]
) -> list[str]:
    """What the script is told of a step; lists are lines."""
    return [step, run, when or "", *("\n".join(paths) for paths in (inputs, listed, outputs))]
