"""What a run announces to instances that are to come (``scaling.live`` in the settings), made from its Inputs."""

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
    """What is true of both colors before a run, or if it was undone; or once it was committed. Pure.

    + fence: of the session that says so, which may be a later one than the run's own
    """
    from orchestrator.aws.announce import Announcement, Version

    versions = _joined(i, i.asked) if isinstance(i.asked, Join) else _moved(i, committed)
    live = i.color if committed else i.before.live
    # a run begins with all the traffic on one color
    assert live is not None
    said = {color: Version.of(*version) if version else None for color, version in versions.items()}
    return Announcement(i.settings.app, fence, busy, live, said[Color.blue], said[Color.green])


Known = tuple[str, str | None]
"""A release, and its commit if that is known."""


def _joined(i: Inputs, join: Join) -> dict[Color, Known | None]:
    """A join brings one node to what both colors are."""
    former = (join.former_release, join.former_revision) if join.former_release else None
    return {i.color: (i.release, i.revision), i.color.other: former}


def _moved(i: Inputs, committed: bool) -> dict[Color, Known | None]:
    formers = {node.former for node in i.nodes}
    # a color of which the nodes have several releases is nothing to catch up with
    former = formers.pop() if len(formers) == 1 else None
    new: Known | None = (i.release, i.revision) if committed else (former, None) if former else None
    return {i.color: new, i.color.other: (i.live, None) if i.live else None}


def announce(settings: Settings, i: Inputs, fence: int, committed: bool, busy: bool) -> str | None:
    """Announce, if the settings say where. Why that failed, one line; None if it did not, or is not asked for.

    + settings: at hand now; of a run that is settled those of its Inputs may be older
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
