"""The settings of the preview, by which the operator sees the new release through the balancers before users do."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from pydantic import Field, SecretStr, field_validator

from orchestrator.config.form import newly, shown
from orchestrator.config.names import Cookie, Header
from orchestrator.config.section import Section


def _weak(token: SecretStr) -> str | None:
    if re.fullmatch(r"([A-Za-z0-9_-]{16,})?", token.get_secret_value()):
        return None
    return "the token (not shown) must have at least 16 characters: letters, digits, - and _"


class Preview(Section):
    """Requests with a token get the color with less traffic: the idle color, if one color has all the traffic.

    If both colors have 50% of the traffic, these requests get green.
    """

    # excluded from every dump, so that no journal and no saved plan contains the token
    token: Annotated[SecretStr, newly(_weak)] | None = Field(
        None,
        exclude=True,
        description="secret of preview requests: at least 16 letters, digits, - and _. Without a token, the header and "
        "the cookie have no effect",
    )
    header: Header = Field(
        "X-Preview",
        description="name of the request header in which the token may be sent",
    )
    cookie: Cookie = Field("preview", description="name of the cookie in which the token may be sent")
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
        try:
            ipaddress.ip_address(value)
        except ValueError:
            raise ValueError(f"{shown(value)} is not an IP address of the balancer, such as 127.0.0.1") from None
        return value
