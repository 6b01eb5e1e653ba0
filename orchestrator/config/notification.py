"""The settings of notifications: messages to a chat or a webhook about the beginning and the end of a run."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, SecretStr, field_validator

from orchestrator.config.section import Section

Moment = Literal["started", "waiting", "succeeded", "failed", "undone", "unsettled"]

ENDS: tuple[Moment, ...] = ("waiting", "succeeded", "failed", "undone", "unsettled")
"""The moments for which a target gets a message if the settings do not say otherwise: a run ends or waits."""

VARIABLE = "env:"
"""Prefix of a ``url`` that names an environment variable of the operator's machine. The variable has the URL."""


class Notification(Section):
    """A target of notifications, such as a channel of Slack (docs/notifications.md)."""

    # excluded from every dump, so that no journal and no saved plan contains the token in the URL
    url: SecretStr = Field(
        exclude=True,
        description="URL of the target, as Apprise reads it, or the webhook URL of Slack; or `env:NAME`, if the "
        "environment variable NAME of the operator's machine has the URL",
    )
    on: list[Moment] = Field(
        default_factory=lambda: list(ENDS),
        min_length=1,
        description="moments of a run at which the target gets a message",
    )

    @field_validator("url")
    @classmethod
    def _is_a_url(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        if not re.fullmatch(rf"{VARIABLE}[A-Za-z_][A-Za-z0-9_]*|[A-Za-z][A-Za-z0-9+.-]*://\S+", text):
            raise ValueError(
                "the value is not a URL (not shown): write a URL such as slack://..., or env:NAME for the environment "
                "variable NAME"
            )
        return value

    @property
    def variable(self) -> str:
        """The name of the environment variable that has the URL; empty if the setting itself has the URL."""
        text = self.url.get_secret_value()
        return text.removeprefix(VARIABLE) if text.startswith(VARIABLE) else ""


def classic() -> list[Notification]:
    """Return the default: the target in the variable SLACK_ENDPOINT, if the operator's machine has this variable."""
    return [Notification(url=SecretStr(f"{VARIABLE}SLACK_ENDPOINT"))]
