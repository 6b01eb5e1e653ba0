"""Where the lock and the journal are."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from orchestrator.config.aws import Aws


class Journal(Aws):
    """The lock and the journals of all runs: on a host (nothing to install), or in an S3 bucket.

    `region`, `profile` and `endpoint_url` belong to the bucket. A compatible store must honour conditional writes.
    """

    kind: Literal["host", "s3"] = "host"
    host: str | None = Field(
        None,
        min_length=1,
        description="host: inventory host that keeps them; default the first balancer, else the first node",
    )
    bucket: str | None = Field(
        None,
        pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$|^arn:",
        description="s3: bucket (or ARN of an access point); required",
    )
    prefix: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9!_.*'()-]+(/[A-Za-z0-9!_.*'()-]+)*/?$",
        description="s3: default <app>; each inventory of an application needs a different one",
    )

    @model_validator(mode="after")
    def _keys_fit_the_kind(self) -> Journal:
        if self.kind == "s3" and self.bucket is None:
            raise ValueError("bucket is missing: kind s3 keeps the journal in a bucket")
        others = ("host",) if self.kind == "s3" else ("bucket", "prefix", *Aws.model_fields)
        without_effect = [key for key in others if getattr(self, key) is not None]
        if without_effect:
            raise ValueError(f"{', '.join(without_effect)}: without effect with kind {self.kind}")
        return self
