"""A blue-green deployment orchestrator, which releases an application on many plain web servers as one transaction.

docs/architecture.md describes the packages.
"""

__version__ = "0.2.0.dev0"
"""The version of this tool. ``pyproject.toml`` reads the version from here."""
