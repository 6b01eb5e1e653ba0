"""The keys that every section about AWS has: where requests to AWS go."""

from __future__ import annotations

from pydantic import Field

from orchestrator.config.section import Section


class Aws(Section):
    """Region, profile and endpoint of requests to AWS."""

    region: str | None = Field(
        None, min_length=1, description="AWS region; default: the region of the AWS configuration"
    )
    profile: str | None = Field(
        None, min_length=1, description="AWS profile; default: the standard AWS credential chain"
    )
    endpoint_url: str | None = Field(
        None, pattern=r"^https?://", description="URL of a service that is compatible with AWS; default: AWS itself"
    )
