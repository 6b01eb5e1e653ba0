"""Rules about the name of the deployment, from which all names on servers are derived."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.config.names import LONGEST_USER, of_the_system
from orchestrator.model import Color

if TYPE_CHECKING:
    from orchestrator.config.settings import Settings

NAME = 31
"""Number of characters that the name of a deployment may have at most. An application's name has the same limit.

The paths of sockets and the names of nginx's variables contain this name, and both have a limited length.
"""


WWW_DATA = "www-data"
"""The web user of the distribution, and the group of this user."""


def names_are_short(settings: Settings) -> str | None:
    """Return an error message if the name of the deployment is too long, otherwise None."""
    if settings.deployment and len(settings.name) > NAME:
        return (
            f"deployment: the name on the servers is {settings.name}, which has {len(settings.name)} characters, and "
            f"{NAME} are allowed: choose a shorter name"
        )
    return None


def names_are_not_of_the_system(settings: Settings) -> str | None:
    """Return an error message if packages of the distribution have files with the name ``<app>-<deployment>``.

    Provisioning writes files such as ``/etc/logrotate.d/<name>``, and must not replace a file of a package. Return None
    if there are no such files, or if the settings name no deployment.
    """
    why = of_the_system(settings.name) if settings.deployment else None
    return f"deployment: {why}" if why else None


def deployments_are_no_colors(settings: Settings) -> str | None:
    """Return an error message if the setting ``deployment`` or one of its parts is the name of a color; else None.

    Hyphens separate the parts. The units of a color are named ``<name>-<color>-<service>``. So the deployment ``blue``
    could have a unit with the same name as a unit of the application's color blue.
    """
    if colors := [part for part in (settings.deployment or "").split("-") if part in list(Color)]:
        return f"deployment: {settings.deployment} contains {colors[0]}, which is a color: choose another name"
    return None


def web_user_is_short(settings: Settings) -> str | None:
    """Return an error message if the default of the setting ``web_user`` is too long for a user, otherwise None."""
    if len(settings.web_user) > LONGEST_USER:
        return (
            f"web_user: the default is {settings.web_user}, which has {len(settings.web_user)} characters, and the "
            f"name of a user may have {LONGEST_USER}: set web_user to a shorter name"
        )
    return None


def group_is_the_web_user_s(settings: Settings) -> str | None:
    """Return an error message if files of a release get a group to which the web user does not belong, otherwise None.

    Only the web user of the distribution belongs to the group ``www-data``. If ``web_user`` is set to another user, the
    operator may have added this user to the group.
    """
    user = settings.web_user
    if settings.permissions.group == WWW_DATA and user == settings.own_web_user:
        return (
            f"permissions.group: the application runs as {user}, which is not in the group {WWW_DATA}: set "
            f'permissions.group to "{user}", or web_user to "{WWW_DATA}"'
        )
    return None
