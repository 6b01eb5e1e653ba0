"""Provision the parts that nodes and balancers share: packages, the deploy user, scripts and sudo rules.

The deploy user is the unprivileged user who makes the releases (setting ``user``).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from pyinfra.context import host
from pyinfra.operations import apt, server

from orchestrator.config import Settings
from orchestrator.errors import StepFailed, UsageError
from orchestrator.provision import operations, render
from orchestrator.provision.facts import Account, Accounts, MissingPackages, PhpVersions
from orchestrator.provision.work import Work

STATE_MODE = "1775"
"""Permissions of the directory of an application's state, which belongs to root and the deploy user's group."""

VISUDO = '/usr/sbin/visudo -c -f "$candidate"'


def packages(work: Work, wanted: Sequence[str]) -> None:
    """Install missing Debian packages on the current host. The package lists are fetched only if a package is missing.

    Raises StepFailed if a package cannot be installed. If this is a package of PHP, the message names the versions of
    PHP that the host can install.

    + work: runs the operations, or only notes them
    + wanted: names of the packages that the host must have
    """
    missing = work.fact(MissingPackages, packages=list(wanted))
    if not missing:
        return
    try:
        work.do(
            "packages " + ", ".join(missing),
            apt.packages,
            packages=missing,
            update=True,
            no_recommends=True,
            _env={"DEBIAN_FRONTEND": "noninteractive"},
        )
    except StepFailed as failed:
        if not any(re.match(r"php\d", package) for package in missing):
            raise
        found: list[str] = work.fact(PhpVersions)
        versions = ", ".join(found) or "-"
        raise StepFailed(
            f"{failed}; the package sources of {host.name} have PHP {versions}, and all nodes have the "
            f"same php.version: choose a version that every node can install, or add a package source to {host.name}"
        ) from None


def deploy_user(work: Work, settings: Settings) -> Account:
    """Create the deploy user (setting ``user``) on the current host, if this user is missing. Returns the account.

    This function also permits the public keys of the setting ``authorized_keys`` to log in as the deploy user.

    + work: runs the operations, or only notes them
    """
    keys = [key for path in settings.authorized_keys for key in public_keys(path)]
    account = work.fact(Accounts, users=[settings.user]).get(settings.user)
    if account is None:
        work.do(  # noqa: S604 (shell= is the login shell of the account)
            f"user {settings.user}",
            server.user,
            user=settings.user,
            home=f"/home/{settings.user}",
            shell="/bin/bash",
            create_home=True,
            # No password, but the user is not locked: sshd without PAM refuses a locked user even with a key.
            password="*",  # noqa: S106 (no password)
        )
        account = work.account(settings.user)
    if keys:
        work.do("authorized keys", operations.authorized_keys, user=settings.user, home=account.home, keys=keys)
    return account


def web_user(work: Work, user: str) -> None:
    """Create a web user on the current host, if the user is missing: a system user who cannot log in.

    The user gets a group of the same name, and no home directory.

    + work: runs the operations, or only notes them
    """
    if work.fact(Accounts, users=[user]).get(user) is None:
        work.do(  # noqa: S604 (shell= is the login shell of the account)
            f"user {user}",
            server.user,
            user=user,
            home="/nonexistent",
            shell="/usr/sbin/nologin",
            system=True,
            create_home=False,
            # otherwise pyinfra makes this directory, and gives it to the user
            ensure_home=False,
        )


def public_keys(path: str) -> list[str]:
    """Return the keys in a file of public keys on the operator's machine.

    Raises UsageError if the file cannot be read, or if the file holds a private key.

    + path: path of the file
    """
    lines = [line.strip() for line in local_text(path, "authorized_keys").splitlines()]
    keys = [line for line in lines if line and not line.startswith("#")]
    if any("PRIVATE KEY" in key for key in keys):
        raise UsageError(
            f"settings: authorized_keys: {path} has a private key: name the file with the public key, such as "
            f"{path}.pub"
        )
    return keys


def local_text(path: str, key: str) -> str:
    """Return the text of a file on the operator's machine. Raises UsageError if the file cannot be read.

    + path: path of the file
    + key: name of the setting that holds the path, for the error message
    """
    try:
        text = Path(path).expanduser().read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"settings: {key}: {path} cannot be read ({getattr(error, 'strerror', error)})") from None
    return text if text.endswith("\n") else text + "\n"


def library(work: Work, path: str, scripts: dict[str, str]) -> None:
    """Install scripts in a directory of the current host. The scripts belong to root. PHP files are not executable.

    + work: runs the operations, or only notes them
    + path: path of the directory
    + scripts: file name -> text of the script
    """
    work.do("library", operations.directories, paths=[str(Path(path).parent), path])
    for name, text in scripts.items():
        mode = "644" if name.endswith(".php") else "755"
        work.do(f"script {name}", operations.file, path=f"{path}/{name}", text=text, mode=mode)


def state(work: Work, settings: Settings, account: Account) -> None:
    """Make the directory of the application's state on the current host, such as the journal and the weights.

    The deploy user makes files and directories there. The directory belongs to root, and is sticky: the deploy user
    cannot replace or remove files that belong to root.

    + account: account of the deploy user
    """
    path = settings.balancer.state
    work.do("state directory", operations.directories, paths=[str(Path(path).parent)])
    work.do("state", operations.directories, paths=[path], group=account.group, mode=STATE_MODE)


def etc(work: Work, settings: Settings) -> str:
    """Make the configuration directory of the application on the current host. Returns the path of the directory."""
    path = settings.node.etc
    paths = [str(Path(path).parent), path, f"{path}/loaded"]
    work.do("configuration directory", operations.directories, paths=paths)
    return path


def checker(name: str, ports: Sequence[int]) -> str:
    """Return the shell command that checks a new configuration file of nginx or HAProxy before the file is installed.

    The operation ``file`` runs the command, and sets two variables: ``$candidate`` is the path of the new file, and
    ``$path`` is the path where the file will be installed. The command contains the whole script, so the script need
    not be installed on the host.

    + name: name of the script in ``templates/``, such as ``check-nginx``
    + ports: ports on which nginx or HAProxy listens for the application
    """
    welcome = render.WELCOME if render.HTTP in ports else ""
    words = " ".join(str(port) for port in ports)
    return f'leave_out={welcome} sh -c {quoted_script(name)} {name} "$candidate" "$path" {words}'


def quoted_script(name: str) -> str:
    """Return the text of a script in ``templates/``, quoted as one word of a shell command."""
    return shlex.quote(render.script(name))


def welcome_page(work: Work, ports: Sequence[int]) -> None:
    """Remove the distribution's welcome page of nginx, if the application needs port 80 on the current host.

    The welcome page is the default server of port 80, and a port can have only one default server.

    + work: runs the operations, or only notes them
    + ports: ports on which nginx listens for the application
    """
    if render.HTTP in ports:
        work.do("welcome page", operations.absent, path=render.WELCOME)


def loaded(settings: Settings, service: str) -> str:
    """Return the path of a service's stamp: a file with the checksums of the configuration that the service has loaded.

    + service: ``nginx`` or ``haproxy``
    """
    return f"{settings.node.etc}/loaded/{service}"


def sudoers(work: Work, settings: Settings, text: str) -> None:
    """Install the application's sudo rules on the current host, if visudo accepts the rules.

    A mistake in the rules would disable sudo for all users.

    + work: runs the operations, or only notes them
    + text: the sudo rules
    """
    path = f"/etc/sudoers.d/{settings.name}"
    work.do("sudo rules", operations.file, path=path, text=text, mode="440", check=VISUDO)


def scripts_of(*names: str) -> dict[str, str]:
    """Return the texts of scripts in ``templates/`` that are installed unchanged: name -> text.

    + names: file names of the scripts
    """
    return {name: render.script(name) for name in names}
