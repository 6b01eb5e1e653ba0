"""The PHP-FPM master of a color."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from orchestrator.config.section import Section


class Php(Section):
    """One PHP-FPM master a color, with its own OPcache."""

    version: str = Field("8.2", pattern=r"^\d\.\d$")
    public: str = Field(
        "public", pattern=r"^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$", description="document root in a release"
    )
    front: str = Field("index.php", pattern=r"^[A-Za-z0-9._-]+\.php$", description="the front controller")
    workers: int = Field(16, ge=1, le=4096, description="pm.max_children of each color")
    request_limit: int = Field(60, ge=1, description="seconds a request may take (request_terminate_timeout)")
    sessions: Literal["shared", "php"] = Field(
        "shared",
        description="files in `shared/sessions`, which both colors read, so that who is logged in stays so; "
        "or as PHP's own configuration and `ini` say",
    )
    ini: dict[str, str] = Field(default_factory=dict, description="php.ini values of both colors")
