"""The exceptions of the rule: where root touches a path that others can change, and why they gain nothing."""

from __future__ import annotations

import re

from tests.root.rule import Allowed

PROC = Allowed("", r"/proc/\d+(/.*)?", "only the kernel makes these entries", anchored=False)
"""For entries of /proc. They have the owners of the processes, who cannot change them."""


def allowed(root: str, state: str, home: str = "/home/deploy") -> tuple[Allowed, ...]:
    """Return the exceptions on a host. Most are for calls that no symlink can redirect.

    + root: root directory of the application
    + state: state directory of the application
    + home: home directory of the deploy user
    """
    releases = rf"{re.escape(root)}/releases(/.*)?"
    # a directory that systemd makes for a unit, in a directory that only root can change
    run = r"/run/orchestrator/[a-z-]+-(blue|green)(-nginx)?(/.*)?"
    return (
        Allowed(r"lib/orchestrator/[^/]+/remove ", releases, "rm enters each directory, and follows no symlink"),
        Allowed(r"lib/orchestrator/[^/]+/own ", releases, "own enters the directory, and chown -h follows no symlink"),
        Allowed(r"lib/orchestrator/[^/]+/pack ", releases, "tar enters each directory, and follows no symlink"),
        Allowed(
            r"(?s)entries=\$3 parents=\$4.*rm -rf --one-file-system",
            rf"({re.escape(root)}|{re.escape(state)}|/var/(cache|log)/orchestrator/[^/]+)(/.*)?",
            "the removal enters the root directory, and rm follows no symlink",
        ),
        PROC,
        Allowed(
            r"^(\S*/)?(init|systemd)\b",
            r"/proc/self/fd/\d+",
            "a file that is open already",
            anchored=False,
            itself=True,
        ),
        Allowed(
            r'(?s)enter\(\) \{.*chown -- "\$owner:\$group" \. && chmod -- "\$mode" \.',
            rf"({re.escape(root)}|{re.escape(state)})/.*",
            "directories_below.sh enters each directory, follows no symlink, and changes only the directory itself",
        ),
        Allowed(
            r"(?s)enter\(\) \{.*setfacl -m",
            rf"{re.escape(root)}/shared/.*",
            "heirs.sh enters each directory, follows no symlink, and changes only the directory itself",
        ),
        Allowed(
            r"^(\S*/)?(init|systemd)\b",
            run,
            "systemd empties the directory by its descriptor; it removes the PID file, which follows no symlink",
            itself=True,
        ),
        Allowed(
            r"/useradd ",
            rf"{re.escape(home)}(/.*)?",
            "the user does not exist before, and has no process yet",
            anchored=False,
            itself=True,
        ),
    )


def allowed_to_deploy(root: str) -> tuple[Allowed, ...]:
    """Return the exceptions for processes of the deploy user, whom the web user must not redirect.

    + root: root directory of the application
    """
    return (
        PROC,
        Allowed(
            r"(?s)seed\(\) \(.*mkdir -m 700 \.seed\.part",
            rf"{re.escape(root)}/shared/.*",
            "share.sh enters the shared directory, and makes a directory there that only the deploy user can enter",
        ),
        Allowed(
            r"(?s)seed\(\) \(.*mkdir -m 700 \.seed\.part",
            rf"{re.escape(root)}/shared/.*",
            "share.sh works in a directory that only the deploy user can enter",
            within=rf"{re.escape(root)}/shared/(.*/)?\.seed\.part",
        ),
    )
