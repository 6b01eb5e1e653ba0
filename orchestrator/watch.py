"""The name of ``orchestrator.inventory.handle_signals`` in version 0.1: inventories of that version import this one."""

from __future__ import annotations

from orchestrator.inventory import handle_signals as watch

__all__ = ["watch"]
