"""The name of the environment variable that gives the probe its token.

The parent process of the probe, and the probe itself, both need this name. This module imports nothing, so that the
parent process does not load the modules of the probe.
"""

TOKEN = "ORCHESTRATOR_PROBE_TOKEN"  # noqa: S105 (the name of a variable)
"""Name of the environment variable with the probe token (setting ``marker.token``)."""
