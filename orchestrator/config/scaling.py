"""The settings of the EC2 Auto Scaling group, which adds and removes nodes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from orchestrator.config.aws import Aws
from orchestrator.config.form import form

OBJECT = form(
    r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[A-Za-z0-9!_.*'()/-]+",
    "an object in S3",
    "write s3://bucket/key, with letters, digits and ! _ . * ' ( ) - /",
    lambda text: f"s3://{text}",
)
HOOK = form(r"[A-Za-z0-9_/-]{1,255}", "the name of a lifecycle hook", "use at most 255 letters, digits and _ / -")


class Scaling(Aws):
    """The EC2 Auto Scaling group of the nodes: what a run does with it, and how new instances get the release."""

    group: str = Field(min_length=1, max_length=255, description="name of the Auto Scaling group")
    suspend: bool = Field(
        True,
        description="whether a run suspends the group. If yes, no instance is added or removed during the run. If no, "
        "AWS may add instances during the run. The run then removes these instances from the traffic, and they stay "
        "without traffic until you join them (docs/aws-instances.md)",
    )
    live: Annotated[str, OBJECT] | None = Field(
        None,
        description="S3 object (`s3://bucket/key`) that names the release of each color and the live color. Each run "
        "writes the object, and new instances read it",
    )
    hook: Annotated[str, HOOK] | None = Field(
        None,
        description="name of the group's launch lifecycle hook. A new instance completes this hook when the instance "
        "has the releases of the other nodes",
    )

    @model_validator(mode="after")
    def _a_new_instance_can_catch_up(self) -> Scaling:
        if self.hook and not self.live:
            raise ValueError(
                "hook is set, so new instances read the releases from an S3 object, but live, the name of this "
                "object, is missing: set live, or remove hook"
            )
        return self
