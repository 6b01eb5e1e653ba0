"""Deadlines and room."""

from __future__ import annotations

from pydantic import Field

from orchestrator.config.section import Section


class Deadlines(Section):
    """Time limits in seconds. Each limits one step at one place, with everything that belongs to the step."""

    look: float = Field(10.0, gt=0, description="read the state of one place")
    fetch: float = Field(300.0, gt=0, description="fetch or receive the files of a release")
    share: float = Field(30.0, gt=0, description="link shared paths into a release")
    environment: float = Field(30.0, gt=0, description="write the environment file of a release")
    permit: float = Field(60.0, gt=0, description="set owners and modes of the files of a release")
    start: float = Field(60.0, gt=0, description="restart the idle color")
    warm: float = Field(60.0, gt=0, description="fill OPcache and request the pages of `warm`")
    switch: float = Field(10.0, gt=0, description="one change at a switch: arm, shift, bar, attach or detach")
    verify: float = Field(20.0, gt=0, description="wait until only the new release answers at all addresses")
    promote: float = Field(10.0, gt=0, description="rename the `live` link")
    prune: float = Field(60.0, gt=0, description="remove old releases")


class Room(Section):
    """Memory and disk space that must be free on a node before a release begins."""

    disk_mb: int = Field(
        256,
        ge=0,
        description="MiB that must be free on the file system of the releases, in addition to the size of the"
        " last release",
    )
    inodes: int = Field(
        10_000,
        ge=0,
        description="inodes that must be free on that file system, in addition to the inodes of the last release",
    )
    memory_mb: int = Field(
        64,
        ge=0,
        description="MiB of memory that must be available, in addition to what the idle color needs to become"
        " as large as the live color",
    )
