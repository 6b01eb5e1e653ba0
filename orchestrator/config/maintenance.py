"""The settings of maintenance: a page that the balancers send instead of the application's answers."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator

from orchestrator.config.duration import Duration
from orchestrator.config.firewall import source
from orchestrator.config.form import newly
from orchestrator.config.names import Cookie, Header
from orchestrator.config.section import Section

MOST = 8192
"""Bytes of the longest page. HAProxy sends the page from one buffer, which has 16 KiB."""

Users = Literal["open", "page", "hold"]
"""What users get while a run moves the traffic.

* ``open``: the application's answers.
* ``page``: the page.
* ``hold``: the balancers hold the requests, so that users wait.
"""

PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>Maintenance</title><h1>Maintenance</h1>'
    "<p>We are changing this site. Please come back in a few minutes.</p></html>"
)


def _weak(token: SecretStr) -> str | None:
    if re.fullmatch(r"[A-Za-z0-9_-]{16,}", token.get_secret_value()):
        return None
    return "the token (not shown) must have at least 16 characters: letters, digits, - and _"


class Maintenance(Section):
    """Maintenance of the site (docs/maintenance.md): the balancers answer each request with a page and status 503.

    The testers get the application's answers: requests from `addresses`, and requests with `token`.
    """

    lines: ClassVar[frozenset[str]] = frozenset({"page"})

    page: str = Field(
        PAGE,
        min_length=1,
        description="the page, as HTML in UTF-8, at most 8 KiB. Group data are Python, so a file can be the page: "
        "`Path('maintenance.html').read_text()`. Default: a short page in English",
    )
    retry_after: Duration = Field(
        120.0,
        ge=1,
        le=86400,
        description="value of the header Retry-After of the page: after this time, a client may try again",
    )
    # excluded from every dump, so that no journal and no saved plan contains the token
    token: Annotated[SecretStr, newly(_weak)] | None = Field(
        None,
        exclude=True,
        description="secret of the testers: at least 16 letters, digits, - and _. Without a token, the header and the "
        "cookie have no effect",
    )
    header: Header = Field("X-Maintenance", description="name of the request header in which the token may be sent")
    cookie: Cookie = Field("maintenance", description="name of the cookie in which the token may be sent")
    addresses: list[Annotated[str, AfterValidator(source)]] = Field(
        [],
        description="IP addresses and networks of the testers, as the balancer sees them. If there is a proxy in front "
        "of the balancer, the balancer sees the address of the proxy",
    )

    hold: Duration | None = Field(
        None,
        ge=1,
        le=30,
        description="longest time for which the balancers can hold requests, so that users wait and get no page. "
        "Default: the balancers cannot hold requests",
    )
    releases: Users = Field(
        "open",
        description="what users get while a release moves the traffic. `open`: the application's answers; `page`: the "
        "page, from before the cutover until the new release is verified; `hold`: their requests wait meanwhile. "
        "`--data maintenance=true`, `=hold` or `=false` decides for one release. A rollback does the same only if "
        "`--data maintenance=` says so",
    )

    @field_validator("page")
    @classmethod
    def _fits_into_one_buffer(cls, page: str) -> str:
        if len(page.encode()) > MOST:
            raise ValueError(f"the page has {len(page.encode())} bytes: use at most {MOST} bytes")
        return page

    @model_validator(mode="after")
    def _can_hold(self) -> Self:
        if self.releases == "hold" and self.hold is None:
            raise ValueError("hold is missing: set hold to the longest time for which requests may wait")
        return self
