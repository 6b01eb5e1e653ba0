"""Blue-green releases on many plain servers, as one fleet-wide transaction (docs/architecture.md)."""

__version__ = "0.2.0.dev0"
"""The only place that states the version. ``pyproject.toml`` reads it from here."""
