"""Record settings in the journal without secrets, and add the present secrets when the settings are read again.

Both functions are pure. If you add a secret setting, remove the secret in `without_secrets`, and add the secret again
in `with_secrets`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.config.settings import Settings, load
from orchestrator.config.source import GitSource, Source, Tarball


def without_secrets(settings: Settings) -> dict[str, Any]:
    """Return settings as JSON data without secrets. The result may be recorded and shown.

    The result lacks the tokens of marker, preview and maintenance, the values of the setting ``php.ini``, the values of
    the environment, and the targets of notifications. The URL of the source lacks user, password and query. Only an SSH
    URL keeps its user, which is not secret.
    """
    # the sections themselves leave out `preview.token`, `maintenance.token`, `environment.values` and `notifications`,
    # and remove the secrets from URLs
    return settings.model_dump(mode="json", exclude={"marker": {"token"}, "php": {"ini"}})


def with_secrets(recorded: Mapping[str, Any], now: Settings) -> Settings:
    """Return settings from the journal, with the secrets of the present settings.

    + recorded: the settings as `without_secrets` returned them
    + now: the present settings from the inventory, which contain the secrets

    Raises UsageError if the recorded settings do not fit this version.
    """
    settings = dict(recorded)
    settings["source"] = _source(settings["source"], now.source)
    settings["marker"] = {**settings["marker"], "token": now.token or None}
    settings["notifications"] = now.notifications
    settings["php"] = {**settings["php"], "ini": now.php.ini}
    if settings.get("preview"):
        settings["preview"] = {**settings["preview"], "token": now.preview.token}
    if settings.get("maintenance") and now.maintenance:
        settings["maintenance"] = {**settings["maintenance"], "token": now.maintenance.token}
    if settings.get("environment") and now.environment:
        settings["environment"] = {**settings["environment"], "values": now.environment.values}
    return load(settings, recorded=True)


def _source(recorded: Mapping[str, Any], now: Source) -> dict[str, Any]:
    """Return the recorded source with the URL of the present settings, because the recorded URL lacks its secrets.

    If the present source is another git repository or has another kind, return the recorded source unchanged.
    """
    source = dict(recorded)
    if isinstance(now, GitSource) and now.address == source.get("origin"):
        source["origin"] = now.origin
    if isinstance(now, Tarball) and now.kind == source.get("kind") and now.url and source.get("url"):
        source["url"] = now.url
    return source
