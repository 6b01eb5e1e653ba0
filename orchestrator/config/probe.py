"""The settings of the probe, which sends requests through the switch during a release."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from orchestrator.config.form import form
from orchestrator.config.paths import OperatorFile
from orchestrator.config.section import Section

NAME = r"([A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?"
"""Regular expression for the value of a Host header: a host name or an IP address, with or without a port."""

PATH = form(
    r"/[!-~]*",
    "a URL path",
    "begin with /, and use only visible ASCII characters, without spaces",
    lambda text: f"/{text}",
)
"""The form of the URL paths that the probe and the stage `warm` request."""


def _host(text: str) -> str:
    """Return the host of a URL, with its port."""
    return text.partition("//")[2].partition("/")[0] or text.strip("/.")


HOST = form(NAME, "a host name", "write a name or an IP address, with or without a port", _host)


class Probe(Section):
    """A process that sends requests through the switch and counts failures, from before the cutover to the commit.

    `host`, `ca` and `http2` also apply to the requests of the stage `verify`.
    """

    enabled: bool = Field(
        True,
        description="whether the probe runs. Without the probe, a run does not have the stages `watch` and `proof`",
    )
    paths: list[Annotated[str, PATH]] = Field(
        default_factory=lambda: ["/"], min_length=1, description="URL paths that the probe requests"
    )
    rate: float = Field(20.0, gt=0, le=10000, description="requests per second to each URL of the switch")
    connections: int = Field(4, ge=1, le=1024, description="number of clients that send requests at the same time")
    after: float = Field(
        0.3,
        ge=0,
        le=3600,
        description="shortest time, in seconds, for which the stage `proof` sends requests",
    )
    answers: int = Field(
        20,
        ge=0,
        le=100000,
        description="number of requests to each URL of the switch that must have ended between the last cutover and "
        "the end of the stage `proof`. If they do not end in time, the probe proves nothing (`proof`)",
    )
    proof_rate: float = Field(
        100.0,
        gt=0,
        le=10000,
        description="requests per second to each URL of the switch during the stage `proof`. If `rate` is higher, "
        "`rate` is used",
    )
    timeout: float = Field(
        10.0, gt=0, le=600, description="seconds after which a request without an answer counts as failed"
    )
    host: (
        Annotated[str, form(NAME, "a host name", "write a name or an IP address, with or without a port", _host)] | None
    ) = Field(
        None,
        description="host name for the Host header, for SNI and for the check of the certificate; default: the host "
        "name in each URL",
    )
    ca: OperatorFile | None = Field(
        None,
        description="file on the operator's machine with the CA certificates that are trusted; default: the CA "
        "certificates of the operator's machine",
    )
    proof: Literal["warn", "strict"] = Field(
        "warn",
        description="what happens if the probe proves nothing. The probe proves nothing in three cases: requests "
        "failed before and after the cutover and the rate of failures did not rise; or fewer requests than `answers` "
        "ended at a URL since the cutover; or the process of the probe died. "
        "`warn`: the release shows a warning; `strict`: the release fails and is undone",
    )
    http2: bool = Field(
        False,
        description="whether requests use HTTP/2 instead of HTTP/1.1. If yes, every URL of every switch must begin "
        "with https",
    )

    @property
    def raised(self) -> float:
        """The number of requests a second to each URL during the stage ``proof``."""
        return max(self.rate, self.proof_rate)

    @property
    def patience(self) -> float:
        """The longest time, in seconds, for which the stage ``proof`` sends requests.

        This is the sum of three times: ``after``; twice the time in which ``answers`` requests are sent at the rate
        ``raised``; and ``timeout``, the longest time of one request.
        """
        return self.after + 2 * self.answers / self.raised + self.timeout
