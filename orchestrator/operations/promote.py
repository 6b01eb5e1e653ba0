"""Swaps a node's ``live`` link."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.scripts.guarded import Guard, guarded

# A color that lost the traffic is given fewer workers after a while, by a timer. It does nothing once a later run was
# here: `soak` says which run armed it.
SCRIPT = r"""
set -eu
root=$1 color=$2 app=$3
if [ "$(readlink "$root/live" 2>/dev/null || true)" != "$color" ]; then
    rm -f "$root/live.new"
    ln -s "$color" "$root/live.new"
    mv -T "$root/live.new" "$root/live"
fi
[ -n "$app" ] || exit 0
case $color in blue) other=green ;; *) other=blue ;; esac
rm -f "$root/$color/soak"
sudo -n /usr/bin/systemctl stop "$app-$color-shrink.timer" 2>/dev/null || true
[ ! -e "$root/$other/shrunk" ] || exit 0
cat "$root/guard/fence" > "$root/$other/soak"
sudo -n /usr/bin/systemctl restart "$app-$other-shrink.timer" || {
    echo "$other keeps all its workers: there is no timer for php.idle_workers (run deploys/provision.py)" >&2; exit 1
}
"""


@operation()
def promote(
    root: str, color: str, app: str = "", soak: bool = False, guard: Guard | None = None
) -> Generator[StringCommand, None, None]:
    """
    Make ``live`` name a color, by rename(2): no reader ever finds the link missing.

    + root: directory of the application
    + color: ``blue`` or ``green``
    + app: name of the application
    + soak: from now on the other color waits to be given fewer workers
    + guard: the guard to go through, if any

    **Example:**

    .. code:: python

        promote(root="/srv/shop", color="green")
    """
    yield guarded(SCRIPT, [root, color, app if soak else ""], guard)
