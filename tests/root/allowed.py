"""The exceptions of the rule: where root touches a path that others can change, and why they gain nothing."""

from __future__ import annotations

import re

from tests.root.rule import Allowed


def allowed(root: str, state: str, home: str = "/home/deploy") -> tuple[Allowed, ...]:
    """Return the exceptions on a host. With one exception, they are for calls that no symlink can redirect.

    + root: root directory of the application
    + state: state directory of the application
    + home: home directory of the deploy user
    """
    releases = rf"{re.escape(root)}/releases(/.*)?"
    run = r"/run/orchestrator/[a-z-]+-(blue|green)(-nginx)?(/.*)?"
    return (
        Allowed(r"lib/orchestrator/[^/]+/remove ", releases, "rm enters each directory, and follows no symlink"),
        Allowed(r"lib/orchestrator/[^/]+/own ", releases, "own enters the directory, and chown -h follows no symlink"),
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
            r"^(\S*/)?(init|systemd)\b", run, "systemd empties the directory of a unit by its descriptor", itself=True
        ),
        Allowed(
            r"/useradd ",
            rf"{re.escape(home)}(/.*)?",
            "the user does not exist before, and has no process yet",
            anchored=False,
            itself=True,
        ),
    )
