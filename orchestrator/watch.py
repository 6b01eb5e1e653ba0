"""Keep the name ``watch`` for inventories of version 0.1.

The new name of ``watch`` is ``orchestrator.inventory.handle_signals``.
"""

from __future__ import annotations

from orchestrator.inventory import handle_signals as watch

__all__ = ["watch"]
