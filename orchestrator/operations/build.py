"""Run a build step in a release, or reuse the outputs that the step has made in the live release."""

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
    as_web: str | None = None,
    guard: Guard | None = None,
) -> Generator[StringCommand, None, None]:
    """
    Run a build step in a release, or reuse the outputs that the step made from the same inputs in the live release.

    + root: directory of the application
    + release: id of the release
    + color: ``blue`` or ``green``, the color that gets the release
    + live: id of the live release; None to reuse nothing
    + step: name of the step
    + run: shell command of the step
    + when: shell command that decides whether the step is needed. If its exit status is not 0, the step is skipped.
      None: the step is always needed
    + inputs: patterns of the files whose content the step reads (``*`` also matches ``/``)
    + listed: patterns of more files. The step reads only the names of these files, not the content
    + outputs: paths that the step makes, relative to the release; empty if the step must run in each release
    + only_taken_over: decides what happens if the step has outputs that cannot be reused. True: the operation fails.
      False: the operation runs the step
    + as_web: path of the program ``as-web``, with which the web user runs the command ``run``. If a path is given,
      ``guard`` must not be None, and the step has no outputs. None: the deploy user (the user who logs in) runs this
      command
    + guard: guard of the node, through which the command runs; None to run the command directly

    Outputs are reused through reflinks or hard links. With hard links, one file is in several releases. Therefore the
    files of reusable outputs are made read-only. If the setting ``permissions.modes`` has made such a file writable in
    the live release, the file is copied instead.

    Outputs are never reused in two cases: one of the patterns in ``inputs`` matches no file, or an output contains the
    id of its release or the path of its color. An output with this id or path would be wrong in another release.

    **Example:**

    .. code:: python

        build(root="/srv/shop", release="20260101T120000Z-5d0f0c1", color="green", live="20251231T120000Z-0f3c9aa",
              step="composer", run="composer install --no-dev", inputs=["composer.lock"], outputs=["vendor"])
    """
    about = words(step, run, when, inputs, listed, outputs)
    about += ["only" if only_taken_over else "", as_web or ""]
    yield guarded(SCRIPT, [root, release, color, live or "", *about], guard, alone=True)


def words(
    step: str, run: str, when: str | None, inputs: Sequence[str], listed: Sequence[str], outputs: Sequence[str]
) -> list[str]:
    """Return the arguments that describe a step to ``build.sh``.

    Each sequence becomes one argument, with one item on each line. For ``when``, None becomes an empty argument.
    """
    return [step, run, when or "", *("\n".join(paths) for paths in (inputs, listed, outputs))]
