"""The runtime ``static``: only nginx runs, and sends the files of the document root."""

from __future__ import annotations

from typing_extensions import override

from orchestrator.model import Color
from orchestrator.runtimes.base import Runtime


class StaticRuntime(Runtime):
    """Nginx alone answers requests. No other process runs."""

    main_name = ""
    label = ""

    @override
    def code(self, color: Color) -> str:
        return ""

    @override
    def listener(self, color: Color) -> str:
        return ""
