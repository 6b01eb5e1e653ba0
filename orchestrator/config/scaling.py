"""The Auto Scaling group that makes and ends the nodes."""

from __future__ import annotations

from pydantic import Field, model_validator

from orchestrator.config.aws import Aws


class Scaling(Aws):
    """An EC2 Auto Scaling group of the nodes: what happens to it during a run, and how new instances catch up."""

    group: str = Field(min_length=1, max_length=255, description="name of the Auto Scaling group")
    suspend: bool = Field(
        True,
        description="no instance comes or goes during a run; if false, a new instance gets no traffic until "
        "it has caught up",
    )
    live: str | None = Field(
        None,
        pattern=r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[A-Za-z0-9!_.*'()/-]+$",
        description="object that runs write and new instances read: each color's release, and which color is live",
    )
    hook: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9_/-]{1,255}$",
        description="launch lifecycle hook of the group, which a new instance completes when it has caught up",
    )

    @model_validator(mode="after")
    def _a_new_instance_can_catch_up(self) -> Scaling:
        if self.hook and not self.live:
            raise ValueError("live is missing: an instance that completes a hook must know what to catch up with")
        return self
