"""The probe that runs through the switch during a release."""

from __future__ import annotations

from pydantic import Field

from orchestrator.config.section import Section

NAME = r"^([A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?$"
"""The pattern of a Host header: a name or an address, with or without a port."""


class Probe(Section):
    """A separate process, which sends requests through the switch from before the cutover until the commit.

    `host`, `ca` and `http2` also apply to the requests of the stage `verify`.
    """

    enabled: bool = Field(
        True, description="whether the probe runs; without it a run has no stages `watch` and `proof`"
    )
    paths: list[str] = Field(default_factory=lambda: ["/"], min_length=1, description="paths that the probe requests")
    rate: float = Field(20.0, gt=0, le=10000, description="requests per second to each address of the switch")
    connections: int = Field(4, ge=1, le=1024, description="number of clients that send requests at the same time")
    after: float = Field(
        1.0, ge=0, le=3600, description="seconds for which the probe continues after the switch is verified"
    )
    timeout: float = Field(10.0, gt=0, le=600, description="seconds until a request counts as failed")
    host: str | None = Field(
        None,
        pattern=NAME,
        description="name for the Host header, SNI and the check of the certificate; default: the name in each URL",
    )
    ca: str | None = Field(
        None,
        min_length=1,
        description="file on the operator's machine with the CA certificates to trust; default: the system's "
        "certificates",
    )
    http2: bool = Field(
        False, description="whether requests use HTTP/2 instead of HTTP/1.1; every URL of a switch must be https then"
    )
