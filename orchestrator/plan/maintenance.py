"""Decide whether a run closes the site to all but the testers. All functions are pure."""

from __future__ import annotations

from orchestrator.config import Settings
from orchestrator.config.maintenance import Users
from orchestrator.errors import UsageError
from orchestrator.plan.fleet_state import FleetState
from orchestrator.plan.inputs import Closes


def closes(fleet: FleetState, settings: Settings, asked: Users | None) -> Closes:
    """Return how a run closes the site. Raises UsageError if the settings do not permit what the operator asks for.

    + asked: the operator's answer in ``--data maintenance=``; None if the operator gave none
    """
    if settings.maintenance is None:
        if asked in ("page", "hold"):
            raise UsageError("--data maintenance: the settings have no maintenance (docs/maintenance.md)")
        return ""
    wanted = settings.maintenance.releases if asked is None else asked
    if wanted == "hold" and settings.maintenance.hold is None:
        raise UsageError("--data maintenance=hold: the setting maintenance.hold is missing: set it, and provision")
    if wanted == "open":
        return ""
    return "kept" if all(seen.page and seen.kept_page for seen in fleet.seen.values()) else wanted
