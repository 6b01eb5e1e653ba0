"""The settings as typed objects. The inventory's group data holds the settings as one dictionary, ``settings``."""

from orchestrator.config.settings import Settings, load

__all__ = ["Settings", "load"]
