"""Writes the announcement, which tells new instances of the Auto Scaling group which releases to install.

The announcement is an object in S3. The setting ``scaling.live`` is the URL of this object.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.config import Settings
from orchestrator.errors import OrchestratorError
from orchestrator.model import Color
from orchestrator.plan.inputs import Inputs, Join
from orchestrator.waiting import within

if TYPE_CHECKING:
    from orchestrator.aws.announce import Announcement


def announcement(i: Inputs, fence: int, committed: bool, busy: bool) -> Announcement:
    """Return the announcement: the live color and the releases of both colors. Pure.

    If ``committed`` is True, the announcement describes the state after the run, otherwise the state before the run.
    For a `join`, both states are the same.

    + i: the Inputs of the run
    + fence: the number of the run that writes the announcement. If a later run settles the run of ``i``, the later run
      writes the announcement
    + committed: whether the run of ``i`` was committed. False before the run has ended, and after an undo
    + busy: whether a run is in progress, so that new instances have to wait
    """
    from orchestrator.aws.announce import Announcement, Version

    versions = _joined(i, i.asked) if isinstance(i.asked, Join) else _moved(i, committed)
    live = i.color if committed else i.before.live
    # at the start of a run, one color has all the traffic
    assert live is not None
    said = {color: Version.of(*version) if version else None for color, version in versions.items()}
    return Announcement(i.settings.name, fence, busy, live, said[Color.blue], said[Color.green])


Known = tuple[str, str | None]
"""The id of a release and the revision of the release (for git, the full hash of the commit).

If the revision is unknown, the second item is None.
"""


def _joined(i: Inputs, join: Join) -> dict[Color, Known | None]:
    """Return the releases that a `join` installs in both colors. A color without a release has the value None."""
    former = (join.former_release, join.former_revision) if join.former_release else None
    return {i.color: (i.release, i.revision), i.color.other: former}


def _moved(i: Inputs, committed: bool) -> dict[Color, Known | None]:
    """Return color -> the release that the color has after the run, or had before the run; None for no release.

    + committed: True for the releases after the run, False for the releases before the run
    """
    formers = {node.former for node in i.nodes}
    # if the nodes have different releases in the idle color, new instances get no release for that color
    former = formers.pop() if len(formers) == 1 else None
    new: Known | None = (i.release, i.revision) if committed else (former, None) if former else None
    return {i.color: new, i.color.other: (i.live, None) if i.live else None}


def announce(settings: Settings, i: Inputs, fence: int, committed: bool, busy: bool) -> str | None:
    """Write the announcement to S3 if the settings have ``scaling.live``.

    Return None, or one line about the error if writing failed.

    + settings: the present settings, with the login at AWS. If this command settles an earlier run, ``i`` holds the
      settings of the earlier run
    + i, fence, committed, busy: as for ``announcement``
    """
    scaling = settings.scaling
    if scaling is None or scaling.live is None:
        return None
    from orchestrator.aws import announce as announced
    from orchestrator.aws.api import Account

    account = Account(scaling.region, scaling.profile, scaling.endpoint_url)
    try:
        with within(settings.deadlines.look, OrchestratorError(f"{scaling.live}: S3 did not answer in time")):
            announced.announce(account.s3(), scaling.live, announcement(i, fence, committed, busy))
    except OrchestratorError as error:
        return str(error)
    return None
