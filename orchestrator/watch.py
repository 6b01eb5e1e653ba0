"""Keep ``watch``, the name of ``orchestrator.inventory.handle_signals`` in version 0.1, for old inventories."""

from __future__ import annotations

from orchestrator.inventory import handle_signals as watch

__all__ = ["watch"]
