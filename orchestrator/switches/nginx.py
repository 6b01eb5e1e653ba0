"""nginx: a link to a directory named 0 to 100 holds green's weight; each request reads it once, nothing reloads."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote

from typing_extensions import override

from orchestrator.config.switch import NginxSwitch
from orchestrator.facts.script import pairs
from orchestrator.model import Color, Weights
from orchestrator.switches.base import Balancer, CannotTell, Seen


class Nginx(Balancer):
    """Weights by renaming a link (measured in notes/switch.md: 0 of 84,695 requests failed over 100 switches)."""

    section = NginxSwitch

    @property
    @override
    def look(self) -> str:
        layout = self.layout
        return f"""
link={quote(layout.weight_link)}
echo "kept=$(readlink "$link" 2>/dev/null | sed 's|.*/||')"
[ -d "$link/" ] && [ "$(systemctl is-active nginx)" = active ] && echo "serving=yes"
echo "filesystem=$(stat -f -c %T "$(dirname "$link")" 2>/dev/null)"
echo "barred=$(sudo -n {quote(layout.library)}/bar list 2>/dev/null | tr '\\n' ' ')"
"""

    @override
    def seen(self, output: Sequence[str]) -> Seen:
        said = pairs(list(output))
        kept = said.get("kept", "")
        if not kept.isdigit() or int(kept) > 100:
            raise CannotTell(f"no weight in {self.layout.weight_link}")
        if said.get("serving") != "yes":
            raise CannotTell("nginx is not running")
        return Seen(
            weights=Weights(int(kept)),
            kept=Weights(int(kept)),
            in_flight=None,
            filesystem=said.get("filesystem", ""),
            barred=tuple(said.get("barred", "").split()),
            down=dict.fromkeys(Color, ()),
        )

    @property
    @override
    def arm(self) -> str:
        layout = self.layout
        return f"""
set -eu
link={quote(layout.weight_link)} weights={quote(layout.weights)} weight=$1
[ -d "$weights/$weight" ] || {{ echo "no directory $weights/$weight: provision this balancer" >&2; exit 1; }}
[ "$(systemctl is-active nginx)" = active ] || {{ echo "nginx is not running" >&2; exit 1; }}
rm -f "$link.new"
ln -s "weights/$weight" "$link.new"
"""

    @property
    @override
    def shift(self) -> str:
        layout = self.layout
        return f"""
set -eu
link={quote(layout.weight_link)} weights={quote(layout.weights)} weight=$1
[ -d "$weights/$weight" ] || {{ echo "no directory $weights/$weight: provision this balancer" >&2; exit 1; }}
[ "$(systemctl is-active nginx)" = active ] || {{ echo "nginx is not running" >&2; exit 1; }}
rm -f "$link.new"
ln -s "weights/$weight" "$link.new"
mv -T "$link.new" "$link"
"""

    @property
    @override
    def bar(self) -> str:
        # nginx has no state for a server that could change without a reload: the balancer's firewall has
        return f"""
set -eu
if [ "$3" = on ] && {quote(self.layout.library)}/bar list | grep -qxF "$2"; then echo kept; exit 0; fi
exec {quote(self.layout.library)}/bar "$2" "$3"
"""
