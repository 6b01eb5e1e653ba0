"""Makes the announcement of a run to future instances (``scaling.live`` in the settings) from the run's Inputs."""

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
    """The state of both colors: after the run if it was committed, else before the run. Pure.

    + fence: the fence of the announcing session, which may be later than the run's own session
    + committed: whether the run was committed; False before it ends and after an undo
    """
    from orchestrator.aws.announce import Announcement, Version

    versions = _joined(i, i.asked) if isinstance(i.asked, Join) else _moved(i, committed)
    live = i.color if committed else i.before.live
    # a run begins with all the traffic on one color
    assert live is not None
    said = {color: Version.of(*version) if version else None for color, version in versions.items()}
    return Announcement(i.settings.app, fence, busy, live, said[Color.blue], said[Color.green])


Known = tuple[str, str | None]
"""A release, and its commit if the commit is known."""


def _joined(i: Inputs, join: Join) -> dict[Color, Known | None]:
    """The releases of both colors in a join, which brings one node to them."""
    former = (join.former_release, join.former_revision) if join.former_release else None
    return {i.color: (i.release, i.revision), i.color.other: former}


def _moved(i: Inputs, committed: bool) -> dict[Color, Known | None]:
    formers = {node.former for node in i.nodes}
    # if the nodes have different releases in a color, a new instance cannot catch up with that color
    former = formers.pop() if len(formers) == 1 else None
    new: Known | None = (i.release, i.revision) if committed else (former, None) if former else None
    return {i.color: new, i.color.other: (i.live, None) if i.live else None}


def announce(settings: Settings, i: Inputs, fence: int, committed: bool, busy: bool) -> str | None:
    """Announce, if the settings say where. Returns one line if the announcement failed, else None.

    + settings: the present settings; the Inputs of a run that is settled later may hold older ones
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
