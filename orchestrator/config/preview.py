"""The settings of the preview, by which the operator sees the new release through the balancers before users do."""

from __future__ import annotations

import ipaddress

from pydantic import Field, SecretStr, field_validator

from orchestrator.config.section import Section


class Preview(Section):
    """Requests with a token get the color with less traffic: the idle color, if one color has all the traffic.

    If both colors have 50% of the traffic, these requests get green.
    """

    # excluded from every dump, so that no journal and no saved plan contains the token
    token: SecretStr | None = Field(
        None,
        exclude=True,
        description="secret of preview requests: at least 16 letters, digits, - and _. Without a token, the header and "
        "the cookie have no effect",
    )
    header: str = Field(
        "X-Preview",
        pattern=r"^[A-Za-z][A-Za-z0-9-]*$",
        description="name of the request header in which the token may be sent",
    )
    cookie: str = Field(
        "preview", pattern=r"^[A-Za-z][A-Za-z0-9_]*$", description="name of the cookie in which the token may be sent"
    )
    port: int | None = Field(
        None,
        ge=1,
        le=65535,
        description="port of the balancers on which every request is a preview and needs no token; default: no such "
        "port",
    )
    bind: str = Field(
        "127.0.0.1",
        description="IP address of the balancer on which `port` listens. Every client that reaches this address sees "
        "previews without a token",
    )

    @field_validator("bind")
    @classmethod
    def _an_address(cls, value: str) -> str:
        ipaddress.ip_address(value)
        return value
