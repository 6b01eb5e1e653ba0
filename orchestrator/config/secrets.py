"""Settings in the journal: written without secrets, and read with the secrets of the present settings.

Both functions are pure. A new secret setting belongs in both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.config.settings import Settings, load
from orchestrator.config.source import GitSource, Source, Tarball


def without_secrets(settings: Settings) -> dict[str, Any]:
    """Settings as JSON data that may be recorded and shown.

    The tokens of marker and preview and the values of php.ini and of the environment are left out. The URL of a source
    is kept without user, password and query.
    """
    # the sections leave out `preview.token` and `environment.values`, and shorten URLs, in every dump
    return settings.model_dump(mode="json", exclude={"marker": {"token"}, "php": {"ini"}})


def with_secrets(recorded: Mapping[str, Any], now: Settings) -> Settings:
    """Settings from the journal, with the secrets of the present settings.

    + recorded: the settings as `without_secrets` returned them
    + now: the settings of the inventory, which have the secrets

    Raises UsageError if the recorded settings do not fit this version.
    """
    settings = dict(recorded)
    settings["source"] = _source(settings["source"], now.source)
    settings["marker"] = {**settings["marker"], "token": now.token or None}
    settings["php"] = {**settings["php"], "ini": now.php.ini}
    if settings.get("preview"):
        settings["preview"] = {**settings["preview"], "token": now.preview.token}
    if settings.get("environment") and now.environment:
        settings["environment"] = {**settings["environment"], "values": now.environment.values}
    return load(settings)


def _source(recorded: Mapping[str, Any], now: Source) -> dict[str, Any]:
    """A recorded source with the login or signature of the present source, if both are at the same kind of place."""
    source = dict(recorded)
    if isinstance(now, GitSource) and now.address == source.get("origin"):
        source["origin"] = now.origin
    if isinstance(now, Tarball) and now.kind == source.get("kind") and now.url and source.get("url"):
        source["url"] = now.url
    return source
