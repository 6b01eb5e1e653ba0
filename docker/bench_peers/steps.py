"""The shell commands of a plain deployment script, which fabfile.py, release.py and rollback.py run on all nodes."""

from __future__ import annotations

import os
import time

ROOT = f"/srv/peers/{os.environ['PEER']}"
NAME = time.strftime("%Y%m%d%H%M%S", time.gmtime())
"""Name of the release. pyinfra calls `release` for each node, and all nodes need the same name."""
KEEP = 5
"""Number of releases that are kept."""


def release() -> list[str]:
    """Return the commands of a release of the branch main."""
    made = f"{ROOT}/releases/{NAME}"
    mirror = f"git clone -q --mirror {os.environ['PEER_ORIGIN']} {ROOT}/repo"
    return [
        f"if test -d {ROOT}/repo; then git -C {ROOT}/repo remote update --prune; else {mirror}; fi",
        f"mkdir -p {made} && git -C {ROOT}/repo archive main | tar -x -C {made}",
        f"rm -rf {made}/storage && ln -s {ROOT}/shared/storage {made}/storage",
        f"cd {ROOT} && ln -s releases/{NAME} current.new && mv -T current.new current",
        f"cd {ROOT}/releases && ls | head -n -{KEEP} | xargs -r rm -rf",
    ]


def rollback() -> list[str]:
    """Return the command that changes the symlink to the release before the present release."""
    before = 'ls releases | grep -x -B 1 "$(basename "$(readlink current)")" | head -n 1'
    return [f"cd {ROOT} && ln -s releases/$({before}) current.new && mv -T current.new current"]
