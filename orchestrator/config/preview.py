"""The preview: requests through the balancers to the color with less traffic, before users see it."""

from __future__ import annotations

import ipaddress

from pydantic import Field, SecretStr, field_validator

from orchestrator.config.section import Section


class Preview(Section):
    """A request with the token gets the color with less traffic: the idle color, or the new color up to weight 50."""

    # excluded from every dump, so that no journal and no saved plan contains the token
    token: SecretStr | None = Field(
        None, exclude=True, description="16 or more letters, digits, - and _; no token, no preview"
    )
    header: str = Field("X-Preview", pattern=r"^[A-Za-z][A-Za-z0-9-]*$", description="request header that may hold it")
    cookie: str = Field("preview", pattern=r"^[A-Za-z][A-Za-z0-9_]*$", description="cookie that may hold it")
    port: int | None = Field(
        None, ge=1, le=65535, description="port of the balancers where every request is a preview, without a token"
    )
    bind: str = Field("127.0.0.1", description="address of that port; clients that reach it need no token")

    @field_validator("bind")
    @classmethod
    def _an_address(cls, value: str) -> str:
        ipaddress.ip_address(value)
        return value
