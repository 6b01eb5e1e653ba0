"""Blue-green releases on many plain servers, as one fleet-wide transaction (docs/architecture.md)."""

__version__ = "0.2.0.dev0"
"""The version of this tool. ``pyproject.toml`` reads the version from here."""
