"""The typed settings. The inventory's group data has the settings as one dictionary, ``settings``."""

from orchestrator.config.settings import Settings, load

__all__ = ["Settings", "load"]
