"""How a rule is asked, whatever the other rules say."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from orchestrator.config import load, rules

from ..test_settings import raw


def said(rule: rules.Rule, changes: dict[str, Any]) -> str | None:
    """What one rule says of settings, which need not keep the others."""
    with patch.object(rules, "RULES", ()):
        settings = load(raw(**changes))
    return rule(settings)


def service(name: str = "ws", path: str = "/ws", **more: Any) -> dict[str, Any]:
    return {"name": name, "path": path, "command": "x"} | more


def balancer(group: str = "haproxy", **more: Any) -> dict[str, Any]:
    return {"kind": "haproxy", "group": group, "urls": ["http://shop.test/"]} | more
