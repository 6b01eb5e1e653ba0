"""The Auto Scaling group that makes and ends the nodes."""

from __future__ import annotations

from pydantic import Field, model_validator

from orchestrator.config.aws import Aws


class Scaling(Aws):
    """The EC2 Auto Scaling group of the nodes: how a run treats the group, and how new instances catch up."""

    group: str = Field(min_length=1, max_length=255, description="name of the Auto Scaling group")
    suspend: bool = Field(
        True,
        description="whether a run suspends the group, so that no instance is added or removed during the "
        "run; otherwise an instance that is added gets no traffic until it has caught up",
    )
    live: str | None = Field(
        None,
        pattern=r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[A-Za-z0-9!_.*'()/-]+$",
        description="S3 object (`s3://bucket/key`) that runs write and new instances read: the release of "
        "each color, and the live color",
    )
    hook: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9_/-]{1,255}$",
        description="name of the launch lifecycle hook of the group, which a new instance completes when it "
        "has caught up",
    )

    @model_validator(mode="after")
    def _a_new_instance_can_catch_up(self) -> Scaling:
        if self.hook and not self.live:
            raise ValueError("live is missing: an instance that completes a hook must know what to catch up with")
        return self
