"""The probe that runs through the switch during a release."""

from __future__ import annotations

from pydantic import Field

from orchestrator.config.section import Section

NAME = r"^([A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?$"
"""The pattern of a Host header: a name or an address, with or without a port."""


class Probe(Section):
    """A separate process that sends requests like those of verification, from before the cutover until the commit."""

    enabled: bool = True
    paths: list[str] = Field(default_factory=lambda: ["/"], min_length=1)
    rate: float = Field(20.0, gt=0, le=10000, description="requests per second to each address of the switch")
    connections: int = Field(4, ge=1, le=1024)
    after: float = Field(1.0, ge=0, le=3600, description="seconds that the probe goes on after the switch is verified")
    timeout: float = Field(10.0, gt=0, le=600, description="seconds until a request counts as failed")
    host: str | None = Field(
        None, pattern=NAME, description="name for Host header, SNI and certificate; default is the name in each URL"
    )
    ca: str | None = Field(
        None,
        min_length=1,
        description="file of certificates on the operator's machine to trust instead of the system's",
    )
    http2: bool = Field(False, description="use HTTP/2 instead of HTTP/1.1; then every URL of a switch must be https")
