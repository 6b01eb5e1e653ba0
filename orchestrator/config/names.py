"""Names in the settings: users, groups, headers, cookies, build steps, services and switches."""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated

from pydantic import AfterValidator

from orchestrator.config.form import form, newly


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


SYSTEM_USERS = _words(
    "root daemon bin sys sync games man lp mail news uucp proxy backup list irc gnats nobody _apt "
    "messagebus sshd syslog haproxy nginx mysql postgres redis ntp polkitd tss uuidd dnsmasq landscape "
    "admin sudo wheel"
)
"""Users that a Linux distribution or a package of it has. The web user of the distribution is not among these users."""

POWERFUL_GROUPS = _words(
    "root sudo wheel admin adm disk shadow kmem tty staff utmp docker lxd libvirt systemd-journal daemon bin sys"
)
"""Groups whose members may do more than other users. Files of such a group would do harm to the host."""

REQUEST_HEADERS = _words(
    "authorization cache-control connection content-encoding content-language content-length "
    "content-location content-range content-type cookie date dnt expect forwarded from host keep-alive "
    "max-forwards origin pragma prefer priority range referer te trailer transfer-encoding upgrade "
    "upgrade-insecure-requests user-agent via warning x-color x-csrf-token x-http-method-override x-node "
    "x-probe-token x-real-ip x-release x-request-id x-requested-with x-xsrf-token"
)
"""Headers that ordinary requests have, or that this tool itself uses, in small letters."""


def name_of(what: str) -> AfterValidator:
    """Return a validator for a short name of small letters, digits and hyphens.

    + what: the thing that has the name, such as "a build step"
    """
    rule = "use at most 31 small letters, digits and -, with a letter at the beginning"
    return form(r"[a-z][a-z0-9-]{0,30}", f"the name of {what}", rule, _plain)


def _plain(text: str) -> str:
    """Return a similar name of small letters, digits and hyphens."""
    ascii_only = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", ascii_only.lower()).strip("-")


def _no_deploy_user(name: str) -> str | None:
    """Return why a user cannot be the deploy user; None if the user can be the deploy user."""
    if name in SYSTEM_USERS | {"www-data"} or name.startswith("systemd-"):
        return f"{name} is a user of the system: name an unprivileged user that only this tool uses, such as deploy"
    return None


def _no_web_user(name: str) -> str | None:
    """Return why a user cannot run the application; None if the user can run the application."""
    if (name in SYSTEM_USERS - {"nginx"}) or name.startswith("systemd-"):
        return f"{name} is a user of the system: name an unprivileged user, such as www-data"
    return None


def _no_group(name: str) -> str | None:
    """Return why files must not have a group; None if files may have the group."""
    return f"{name} is a group of the system: name a group of the application" if name in POWERFUL_GROUPS else None


def _ordinary(header: str) -> str | None:
    """Return why a header cannot have the token of preview or maintenance; None if the header can have the token."""
    name = header.lower()
    if name in REQUEST_HEADERS or name.startswith(("accept", "if-", "proxy-", "sec-", "x-accel-", "x-forwarded-")):
        return (
            f"ordinary requests also have the header {header}: choose a header that only this setting uses, such "
            "as X-Preview"
        )
    return None


LONGEST_USER = 32
"""Number of characters that the name of a user may have on Linux."""

USER = form(
    r"[a-z_][a-z0-9_-]{0,31}",
    "the name of a user",
    "use at most 32 small letters, digits, _ and -, with a letter or _ at the beginning",
    str.lower,
)
DeployUser = Annotated[str, USER, newly(_no_deploy_user)]
"""The user that makes releases."""

WebUser = Annotated[str, USER, newly(_no_web_user)]
"""A user that runs the application, or reads its files."""

Group = Annotated[
    str,
    form(
        r"[a-z_][a-z0-9_-]{0,31}",
        "the name of a group",
        "use at most 32 small letters, digits, _ and -, with a letter or _ at the beginning",
        str.lower,
    ),
    newly(_no_group),
]
"""The group of the files of a release."""

Header = Annotated[
    str,
    form(
        r"[A-Za-z][A-Za-z0-9-]*",
        "the name of a header",
        "use letters, digits and -, with a letter at the beginning",
        lambda text: text.strip(": ").replace("_", "-").replace(" ", "-"),
    ),
    newly(_ordinary),
]
"""The header in which a request has the token of preview or maintenance."""

Cookie = Annotated[
    str,
    form(
        r"[A-Za-z][A-Za-z0-9_]*",
        "the name of a cookie",
        "use letters, digits and _, with a letter at the beginning",
        lambda text: text.replace("-", "_").replace(" ", "_"),
    ),
    newly(
        lambda name: f"AWS sets the cookie {name}: choose another name" if name.upper().startswith("AWSALB") else None
    ),
]
"""A cookie of a balancer, of the preview or of maintenance."""

APPS = _words(
    "admin alternatives apache2 apport apt aptitude auditd aws bind certbot cloud-init clamav cron dpkg "
    "exim4-base fail2ban haproxy iptraf-ng lastlog mariadb mysql-server nginx orchestrator php postfix "
    "postgresql-common puppet rabbitmq-server redis-server rsyslog samba squid sssd syslog-ng tomcat9 "
    "ubuntu-pro-client ufw unattended-upgrades varnish wtmp btmp"
)
"""Names whose files belong to the system.

An application has the files ``/etc/logrotate.d/<app>`` and ``/etc/sudoers.d/<app>``, and the socket
``/run/haproxy/<app>.sock``. Packages of the distribution have such files with these names.
"""


def of_the_system(name: str) -> str | None:
    """Return the reason why ``name`` is not allowed as the name of an application or a deployment on the servers.

    Return None if the name is allowed.
    """
    if name in APPS:
        return f"packages of the system have files with the name {name}: choose another name, such as {name}-app"
    return None


App = Annotated[str, name_of("an application"), newly(of_the_system)]
"""The name of the application."""

Deployment = Annotated[
    str,
    form(
        r"[a-z][a-z0-9]*(-[a-z0-9]+)*",
        "the name of a deployment",
        "use small letters, digits and single -, with a letter at the beginning",
        _plain,
    ),
]
"""The name of a second deployment of an application, such as ``staging``."""
