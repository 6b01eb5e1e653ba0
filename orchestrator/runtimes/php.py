"""The runtime ``php``: PHP-FPM, with one master process for each color."""

from __future__ import annotations

from typing_extensions import override

from orchestrator.model import Color
from orchestrator.runtimes.base import Runtime
from orchestrator.scripts.fastcgi import fastcgi_command


class PhpRuntime(Runtime):
    """PHP-FPM answers the requests. PHP-FPM listens on one socket for each color."""

    main_name = "fpm"
    label = "PHP-FPM"

    @override
    def code(self, color: Color) -> str:
        layout = self.settings.node
        root = f"{layout.link(color)}/{layout.PUBLIC}"
        return fastcgi_command(layout.socket(color), f"{layout.library}/inspect.php", "", root)

    @override
    def listener(self, color: Color) -> str:
        return self.settings.node.socket(color)

    @property
    @override
    def compiled(self) -> list[str]:
        return self.settings.php.compile

    @property
    @override
    def entries(self) -> list[str]:
        php = self.settings.php
        return [*([php.front] if php.fallback else []), *(["*"] if php.scripts else [])]

    @override
    def said(self, color: Color) -> str:
        layout = self.settings.node
        return f"sudo -n {layout.library}/said {layout.service(color)}"

    @property
    @override
    def workers(self) -> int:
        return self.settings.php.workers
