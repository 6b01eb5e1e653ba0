"""How long the tests' requests wait for their answers."""

from __future__ import annotations

from orchestrator.probe.client import Manners, Request

FAST = Manners(timeout=0.5)
PATIENT = Manners(timeout=30)


def suited(*requests: object) -> Manners:
    """As patient as a busy machine needs it, unless one of the requests is never answered."""
    hangs = any(isinstance(one, Request) and one.path in ("/hang", "/stall") for one in requests)
    return FAST if hangs else PATIENT
