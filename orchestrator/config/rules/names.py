"""Rules about the name of the deployment, from which all names on servers are derived."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.config.names import of_the_system
from orchestrator.model import Color

if TYPE_CHECKING:
    from orchestrator.config.settings import Settings

NAME = 31
"""Number of characters that the name of a deployment may have at most, as the name of an application.

The paths of sockets and the names of nginx's variables contain this name, and both have a limited length.
"""


def names_are_short(settings: Settings) -> str | None:
    """Return an error message if the name of the deployment is too long, otherwise None."""
    if settings.deployment and len(settings.name) > NAME:
        return (
            f"deployment: the name on the servers is {settings.name}, which has {len(settings.name)} characters, and "
            f"{NAME} are allowed: choose a shorter name"
        )
    return None


def names_are_not_of_the_system(settings: Settings) -> str | None:
    """Return an error message if packages of the system have files with the name of the deployment, otherwise None."""
    why = of_the_system(settings.name) if settings.deployment else None
    return f"deployment: {why}" if why else None


def deployments_are_no_colors(settings: Settings) -> str | None:
    """Return an error message if the deployment is named like a color, otherwise None.

    The units of a color are named ``<name>-<color>-<service>``. So the deployment ``blue`` could have a unit with the
    same name as a unit of the application's color blue.
    """
    if colors := [part for part in (settings.deployment or "").split("-") if part in list(Color)]:
        return f"deployment: {settings.deployment} contains {colors[0]}, which is a color: choose another name"
    return None
