"""Typed settings. The inventory's group data holds them as one dictionary, ``settings``."""

from orchestrator.config.settings import Settings, load

__all__ = ["Settings", "load"]
