"""Run a build step in a release, or reuse the step's outputs from the live release."""

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
    Run a build step in a release, or reuse the step's outputs from the live release if its inputs are equal there.

    + root: directory of the application
    + release: id of the release
    + color: ``blue`` or ``green``, the color that gets the release
    + live: id of the release whose outputs may be reused; None for no reuse
    + step: name of the step
    + run: shell command of the step
    + when: shell command; if its exit status is not 0, the step is skipped
    + inputs: patterns of the files whose content the step reads (``*`` also matches ``/``)
    + listed: patterns of the files whose names the step reads, but not their content
    + outputs: paths that the step makes, relative to the release; empty if the step must run each time
    + only_taken_over: whether to fail if the outputs cannot be reused, instead of running the step
    + guard: guard of the node, through which the command runs; None to run the command directly

    Outputs are reused through reflinks or hard links. They are read-only, because one file may be in several releases.
    A file that ``permissions.modes`` has made writable in the live release is copied. The step's outputs are never
    reused if no file matches one of its input patterns, or if an output contains the release's id or the path of its
    color, because such an output would be wrong in another release.

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
    """Return the script's arguments that describe a step. A list becomes one argument, with an item a line."""
    return [step, run, when or "", *("\n".join(paths) for paths in (inputs, listed, outputs))]
