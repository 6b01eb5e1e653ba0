"""Typed settings. They stand in the inventory's group data as one dictionary, ``settings``."""

from orchestrator.config.settings import Settings, load

__all__ = ["Settings", "load"]
