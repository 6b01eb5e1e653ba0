"""Where the lock and the journal are."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from orchestrator.config.section import Section


class Journal(Section):
    """The lock and the journals of all runs: on a host (nothing to install), or in an S3 bucket."""

    kind: Literal["host", "s3"] = "host"
    host: str | None = Field(
        None,
        min_length=1,
        description="host: inventory host that keeps them; the first balancer, else the first node, if missing",
    )
    bucket: str | None = Field(
        None,
        pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$|^arn:",
        description="s3: bucket (or ARN of an access point); required",
    )
    prefix: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9!_.*'()-]+(/[A-Za-z0-9!_.*'()-]+)*/?$",
        description="s3: default <app>; each inventory of an application needs one of its own",
    )
    region: str | None = Field(None, min_length=1, description="s3: default as in the AWS configuration")
    profile: str | None = Field(
        None, min_length=1, description="s3: AWS profile; default is where boto3 finds credentials"
    )
    endpoint_url: str | None = Field(
        None, pattern=r"^https?://", description="s3: of a compatible store that honours conditional writes"
    )

    @model_validator(mode="after")
    def _keys_fit_the_kind(self) -> Journal:
        if self.kind == "s3" and self.bucket is None:
            raise ValueError("bucket is missing: kind s3 keeps the journal in a bucket")
        others = ("host",) if self.kind == "s3" else ("bucket", "prefix", "region", "profile", "endpoint_url")
        without_effect = [key for key in others if getattr(self, key) is not None]
        if without_effect:
            raise ValueError(f"{', '.join(without_effect)}: without effect with kind {self.kind}")
        return self
