"""Runs a build step in a release, or takes over its outputs from the live release."""

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
    + color: ``blue`` or ``green``, the color that gets the release
    + live: id of the release whose outputs may be taken over, None for none
    + step: name of the step
    + run: shell command
    + when: shell command; the step is left out where its status is not 0
    + inputs: patterns of the files whose content the step reads (``*`` matches ``/`` as well)
    + listed: patterns of the files of which the step reads only the names
    + outputs: paths that the step makes, relative to the release; empty if the step has to run each time
    + only_taken_over: fail rather than run
    + guard: the place's guard, through which the command runs; None to run it directly

    Outputs are taken over by reflinks or hard links, and are read-only, because one file may be in several releases. A
    file that ``permissions.modes`` has made writable in the live release is copied. Outputs of which any file names the
    release or its color are never taken over.

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
    """The script's arguments for a step; lists are joined by line breaks."""
    return [step, run, when or "", *("\n".join(paths) for paths in (inputs, listed, outputs))]
