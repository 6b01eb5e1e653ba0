"""The settings of the time limits of stages, and of the memory and disk space that must be free."""

from __future__ import annotations

from pydantic import Field

from orchestrator.config.section import Section


class Deadlines(Section):
    """Time limits in seconds. Each limit is for everything that one stage does on one machine or at one switch."""

    look: float = Field(10.0, gt=0, le=86400, description="read the state of one place")
    fetch: float = Field(300.0, gt=0, le=86400, description="get the files of a release from the source or from a node")
    share: float = Field(
        30.0, gt=0, le=86400, description="put the links to shared paths into a release, or do the stage `unchanged`"
    )
    environment: float = Field(
        30.0, gt=0, le=86400, description="write the environment file of a release, or do the stage `configure`"
    )
    permit: float = Field(60.0, gt=0, le=86400, description="set owners and modes of the files of a release")
    start: float = Field(60.0, gt=0, le=86400, description="restart the idle color")
    warm: float = Field(60.0, gt=0, le=86400, description="fill OPcache and request the pages of `warm`")
    switch: float = Field(10.0, gt=0, le=86400, description="one change at a switch: arm, shift, bar, attach or detach")
    verify: float = Field(20.0, gt=0, le=86400, description="wait until only the new release answers at all addresses")
    promote: float = Field(10.0, gt=0, le=86400, description="replace the `live` link, or do the stage `barrier`")
    prune: float = Field(60.0, gt=0, le=86400, description="remove old or incomplete releases")


class Room(Section):
    """Memory, disk space and inodes that must stay free on each node. A release checks this before it begins."""

    disk_mb: int = Field(
        256,
        ge=0,
        le=1_000_000_000,
        description="free disk space in MiB that a release must leave on the file system of the releases. The check "
        "assumes that the new release is as large as the last release",
    )
    inodes: int = Field(
        10_000,
        ge=0,
        le=1_000_000_000,
        description="number of free inodes that a release must leave on the file system of the releases. The check "
        "assumes that the new release has as many files as the last release",
    )
    memory_mb: int = Field(
        64,
        ge=0,
        le=1_000_000_000,
        description="free memory in MiB that a release must leave on the node. The check assumes that the idle color "
        "will use as much memory as the live color uses now",
    )
