"""Where a release comes from."""

from __future__ import annotations

from pydantic import Field

from orchestrator.config.section import Section


class Source(Section):
    """A git repository that every node can reach with the deploy user's key."""

    origin: str = Field(min_length=1, description="URL of the git repository, as a node reaches it")
    ref: str = Field("main", min_length=1, description="branch, tag or commit, when --data ref= names none")
    known_hosts: str | None = Field(
        None, description="file on the operator's machine with the origin's host keys; installed on the nodes"
    )
    key: str | None = Field(
        None, description="private key on the operator's machine with which the nodes read the origin"
    )
