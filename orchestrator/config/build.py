"""The settings of build steps. A build step is a command, such as ``composer install``, that a release runs."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from orchestrator.config.duration import Duration
from orchestrator.config.names import name_of
from orchestrator.config.paths import ReleasePath, ReleasePattern
from orchestrator.config.section import Section


class Build(Section):
    """A build step: a command that each release runs, such as `composer install`.

    If the step and its inputs are the same as in the live release, the command does not run. The release then gets the
    outputs of the live release.
    """

    lines: ClassVar[frozenset[str]] = frozenset({"run", "when"})

    name: Annotated[str, name_of("a build step")] = Field(
        description="name of the step; the plan shows the stage `build <name>`"
    )
    run: str = Field(
        min_length=1,
        description="shell command, which runs in the release's directory. Three environment variables are set: "
        "RELEASE (the release's id), COLOR (`blue` or `green`) and RELEASE_PATH (the release's directory)",
    )
    on: Literal["nodes", "operator"] = Field(
        "nodes",
        description="where the step runs. `nodes`: on each node; `operator`: once, on the operator's machine, before "
        "the files are sent to the nodes",
    )
    user: Literal["deploy", "web"] = Field(
        "deploy",
        description="user that runs `run`: the deploy user or the web user (docs/building.md). Steps of the web user "
        "run after the stage `permit`. Therefore they stand at the end of the list, and have no `outputs`",
    )
    when: str | None = Field(
        None,
        description="shell command, which the deploy user runs in the release's directory before `run`. If this "
        "command fails on a machine, the step is skipped there",
    )
    inputs: list[ReleasePattern] = Field(
        [],
        description="files whose content the step reads: paths, or patterns such as `resources/*.js`. A `*` also "
        "matches slashes",
    )
    listed: list[ReleasePattern] = Field(
        [],
        description="files of which the step uses only the names, not the content: for instance `app/*.php` for an "
        "optimised class map",
    )
    outputs: list[ReleasePath] = Field(
        [],
        description="files and directories that the step makes, such as `vendor`. If the step and its inputs are the "
        "same as in the live release, the outputs of the live release are reused. Outputs that contain the "
        "release's id or the path of its color are not reused",
    )
    deadline: Duration = Field(600.0, gt=0, le=86400, description="time limit of the step on one machine")

    @field_validator("inputs", "listed")
    @classmethod
    def _patterns(cls, patterns: list[str]) -> list[str]:
        return [_plain(pattern) for pattern in patterns]

    @model_validator(mode="after")
    def _outputs_come_from_inputs(self) -> Build:
        known = bool(self.inputs or self.listed)
        if self.outputs and not known:
            raise ValueError(
                f"the step {self.name} has outputs, but neither inputs nor `listed`, which decide whether the "
                "outputs can be reused: set inputs or `listed`, or remove outputs"
            )
        if known and not self.outputs:
            raise ValueError(
                f"the step {self.name} has inputs or `listed`, which have no effect without outputs: set outputs, "
                "or remove inputs and `listed`"
            )
        if self.user == "web" and self.on == "operator":
            raise ValueError(
                f'the step {self.name} runs as the web user, which exists only on the nodes: set on = "nodes", or '
                'user = "deploy"'
            )
        if self.user == "web" and known:
            raise ValueError(
                f"the step {self.name} runs as the web user, and such a step runs in each release: remove outputs, "
                'inputs and `listed`, or set user = "deploy"'
            )
        if self.on == "operator" and not self.outputs:
            raise ValueError(
                f"the step {self.name} runs on the operator's machine, but has no outputs to send to the nodes: "
                'set outputs, or set on = "nodes"'
            )
        return self

    @property
    def parts(self) -> dict[str, Any]:
        """The arguments of the script that runs the step: name -> value. The name of the step is left out."""
        return self.model_dump(include={"run", "when", "inputs", "listed", "outputs"})


def _plain(pattern: str) -> str:
    """Return a pattern in the form that `find -path` needs: without `./` at the beginning and `/` at the end.

    `**/` and `**` become `*`. A pattern for the whole release, such as `.`, becomes `*`.
    """
    path = "/".join(part for part in pattern.split("/") if part not in ("", "."))
    # other tools write `**/` for any number of directories; in `find`, `*` also matches slashes
    return path.replace("**/", "*").replace("**", "*") or "*"
