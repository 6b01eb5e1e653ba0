"""Where the lock and the journal are."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from orchestrator.config.aws import Aws


class Journal(Aws):
    """The place of the lock and of the journals of all runs: files on a host, or objects in an S3 bucket.

    `region`, `profile` and `endpoint_url` belong to the bucket. A compatible store must support conditional writes.
    """

    kind: Literal["host", "s3"] = Field("host", description="files on a host, or objects in an S3 bucket")
    host: str | None = Field(
        None,
        min_length=1,
        description="with kind `host`: inventory host that keeps the lock and the journals; default: the "
        "first balancer, or the first node if there is no balancer",
    )
    bucket: str | None = Field(
        None,
        pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$|^arn:",
        description="with kind `s3`, required: name of the bucket, or ARN of an access point",
    )
    prefix: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9!_.*'()-]+(/[A-Za-z0-9!_.*'()-]+)*/?$",
        description="with kind `s3`: prefix of the objects' keys; default: the name of the application. Each "
        "inventory of an application needs a different prefix",
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
