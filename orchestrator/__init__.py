"""A blue-green deployment orchestrator, which releases an application on many plain web servers as one transaction.

docs/architecture.md describes the packages.
"""

import sys

# pyinfra turns off Python's cache of compiled modules (the directories __pycache__) for the whole process. Then each
# command compiles this package anew, which takes 0.1 s. This line turns the cache on again, unless the user turned the
# cache off (``python -B`` or PYTHONDONTWRITEBYTECODE).
sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)

__version__ = "0.2.0.dev0"
"""The version of this tool. ``pyproject.toml`` reads the version from here."""
