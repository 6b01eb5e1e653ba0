"""Deadlines and room."""

from __future__ import annotations

from pydantic import Field

from orchestrator.config.section import Section


class Deadlines(Section):
    """Seconds that a step may take at one place, everything included."""

    look: float = Field(10.0, gt=0, description="facts of one place")
    fetch: float = Field(300.0, gt=0)
    share: float = Field(30.0, gt=0)
    environment: float = Field(30.0, gt=0)
    permit: float = Field(60.0, gt=0, description="owners and modes of a release's files")
    start: float = Field(60.0, gt=0, description="restart of the idle color")
    warm: float = Field(60.0, gt=0)
    switch: float = Field(10.0, gt=0)
    verify: float = Field(20.0, gt=0, description="until only the new release answers")
    promote: float = Field(10.0, gt=0)
    prune: float = Field(60.0, gt=0)


class Room(Section):
    """Memory and disk space that must be free on a node before a release begins."""

    disk_mb: int = Field(256, ge=0, description="MiB free on the file system of the releases")
    inodes: int = Field(10_000, ge=0)
    memory_mb: int = Field(64, ge=0, description="MiB of memory available, both colors being warm")
