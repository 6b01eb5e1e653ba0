"""The keys that every section about AWS has: where requests to AWS go."""

from __future__ import annotations

from pydantic import Field

from orchestrator.config.section import Section


class Aws(Section):
    """Region, profile and endpoint of requests to AWS."""

    region: str | None = Field(None, min_length=1, description="AWS region; default as in the AWS configuration")
    profile: str | None = Field(None, min_length=1, description="AWS profile; default is where boto3 finds credentials")
    endpoint_url: str | None = Field(
        None, pattern=r"^https?://", description="URL of a compatible service; default AWS's own"
    )
