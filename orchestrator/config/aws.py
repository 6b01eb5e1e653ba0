"""The settings that all sections about AWS share."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from orchestrator.config.form import form
from orchestrator.config.section import Section

ENDPOINT = form(r"https?://[^\s/]\S*", "the URL of a service", "begin with https:// or http://")


class Aws(Section):
    """The base of every section about AWS: region, profile and endpoint of requests to AWS."""

    region: str | None = Field(
        None, min_length=1, description="AWS region; default: the region of the AWS configuration"
    )
    profile: str | None = Field(
        None, min_length=1, description="AWS profile; default: the standard AWS credential chain"
    )
    endpoint_url: Annotated[str, ENDPOINT] | None = Field(
        None, description="URL of a service that has the same API as AWS; default: AWS itself"
    )
