"""The settings that say where the lock and the journal (the record of all runs) are kept."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from orchestrator.config.aws import Aws
from orchestrator.config.form import form

BUCKET = form(
    r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]|arn:\S+",
    "the name of an S3 bucket",
    "use 3 to 63 small letters, digits, . and -, or the ARN of an access point",
    str.lower,
)
PREFIX = form(
    r"[A-Za-z0-9!_.*'()-]+(/[A-Za-z0-9!_.*'()-]+)*/?",
    "a prefix of keys in S3",
    "use letters, digits and ! _ . * ' ( ) - /, without / at the beginning",
    lambda text: text.lstrip("/"),
)


class Journal(Aws):
    """Where the lock and the journal (the record of all runs) are kept: in files on a host, or in objects in S3.

    `region`, `profile` and `endpoint_url` are only for kind `s3`. If `endpoint_url` names a service other than S3, this
    service must support conditional writes, which the lock needs.
    """

    kind: Literal["host", "s3"] = Field("host", description="`host`: files on a host; `s3`: objects in an S3 bucket")
    host: str | None = Field(
        None,
        min_length=1,
        description="only with kind `host`: inventory host that keeps the lock and the journal. Default: the first "
        "balancer; if there is no balancer, the first node",
    )
    bucket: Annotated[str, BUCKET] | None = Field(
        None,
        description="required with kind `s3`, and only allowed with this kind: name of the bucket, or ARN of an access "
        "point",
    )
    prefix: Annotated[str, PREFIX] | None = Field(
        None,
        description="only with kind `s3`: prefix of the objects' keys; default: the name of the application. If the "
        "setting `deployment` is set, `-<deployment>` is appended to the prefix",
    )

    @model_validator(mode="after")
    def _keys_fit_the_kind(self) -> Journal:
        if self.kind == "s3" and self.bucket is None:
            raise ValueError("kind is s3, but the key bucket is missing: set bucket to the bucket for the journal")
        others = ("host",) if self.kind == "s3" else ("bucket", "prefix", *Aws.model_fields)
        without_effect = [key for key in others if getattr(self, key) is not None]
        if without_effect:
            raise ValueError(
                f"the kind {self.kind} does not use {', '.join(without_effect)}: remove {', '.join(without_effect)}"
            )
        return self
