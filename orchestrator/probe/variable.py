"""The name of the environment variable that gives the probe its token.

The parent process of the probe, and the probe itself, both need this name. This module imports nothing. Therefore the
parent process does not load the module ``options``, which imports most modules of the probe, only to get this name.
"""

TOKEN = "ORCHESTRATOR_PROBE_TOKEN"  # noqa: S105 (the name of a variable)
"""Name of the environment variable with the probe token (setting ``marker.token``)."""
