"""Build steps, which make a fetched version ready to run: composer, assets, caches."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from orchestrator.config.duration import Duration
from orchestrator.config.paths import ReleasePath
from orchestrator.config.section import Section


class Build(Section):
    """A build step, which runs for each release. If its inputs are the same, the live release's outputs are reused."""

    name: str = Field(
        pattern=r"^[a-z][a-z0-9-]{0,30}$", description="name of the step; the plan shows the stage `build <name>`"
    )
    run: str = Field(
        min_length=1,
        pattern=r"^[^\x00]+$",
        description="shell command that runs in the release's directory; RELEASE, COLOR and RELEASE_PATH are "
        "in its environment",
    )
    on: Literal["nodes", "operator"] = Field(
        "nodes",
        description="where the step runs: on each node, or once on the operator's machine before the files "
        "are sent to the nodes",
    )
    when: str | None = Field(
        None,
        description="shell command that runs in the release's directory; if its status is not 0, the step is "
        "skipped there",
    )
    inputs: list[str] = Field(
        default_factory=list,
        description="files whose content the step reads: paths, or patterns (`resources/*.js`) in which * "
        "also matches slashes",
    )
    listed: list[str] = Field(
        default_factory=list,
        description="files of which the step uses only the names, for instance for an optimised class map "
        "(`app/*.php`)",
    )
    outputs: list[ReleasePath] = Field(
        default_factory=list,
        description="files and directories that the step makes (`vendor`). They are reused from the live "
        "release if the step and its inputs are the same, unless one of these files or links "
        "contains the name of the release or of its directory",
    )
    deadline: Duration = Field(600.0, gt=0, le=86400, description="time limit for the step at one place")

    @field_validator("inputs", "listed")
    @classmethod
    def _patterns(cls, patterns: list[str]) -> list[str]:
        for pattern in patterns:
            if not pattern or pattern.startswith("/") or "\n" in pattern or ".." in pattern.split("/"):
                raise ValueError(f"{pattern!r} is not a path or pattern inside a release")
        return [_plain(pattern) for pattern in patterns]

    @model_validator(mode="after")
    def _outputs_come_from_inputs(self) -> Build:
        known = bool(self.inputs or self.listed)
        if self.outputs and not known:
            raise ValueError(f"{self.name}: outputs can be taken over only if inputs or listed say what made them")
        if known and not self.outputs:
            raise ValueError(f"{self.name}: without outputs nothing can be taken over, so inputs mean nothing")
        if self.on == "operator" and not self.outputs:
            raise ValueError(f"{self.name}: a step on the operator's machine has outputs, which are what is sent")
        return self

    @property
    def parts(self) -> dict[str, Any]:
        """The arguments of the build script, except the name."""
        return self.model_dump(include={"run", "when", "inputs", "listed", "outputs"})


def _plain(pattern: str) -> str:
    """The pattern in `find`'s form: without a leading `./` and a final `/`; the whole release is `*`."""
    path = "/".join(part for part in pattern.split("/") if part not in ("", "."))
    # in other tools, `**/` matches any number of directories, including none
    return path.replace("**/", "*").replace("**", "*") or "*"
