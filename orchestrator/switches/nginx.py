"""nginx: a link to a directory named 0 to 100 holds green's weight. Each request reads it once, without a reload."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote

from typing_extensions import override

from orchestrator.comparison.traffic import Traffic
from orchestrator.config.switch import NginxSwitch
from orchestrator.model import Color, Weights
from orchestrator.scripts.command import pairs
from orchestrator.switches import record
from orchestrator.switches.base import Balancer, CannotTell, Seen


class Nginx(Balancer):
    """Sets weights by renaming a link. Measured: 0 of 84,695 requests failed over 100 switches."""

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
link={quote(layout.weight_link)} weights={quote(layout.weights)} record={quote(layout.record)} weight=$1
[ -d "$weights/$weight" ] || {{ echo "no directory $weights/$weight: provision this balancer" >&2; exit 1; }}
[ "$(systemctl is-active nginx)" = active ] || {{ echo "nginx is not running" >&2; exit 1; }}
rm -f "$link.new"
ln -s "weights/$weight" "$link.new"
# nobody writes to the record now: what stands there is of an earlier release
case $(readlink "$link") in weights/0 | weights/100) [ ! -w "$record" ] || true > "$record" ;; esac
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
        # nginx cannot take a server out without a reload, so the balancer's firewall keeps the node out
        return f"""
set -eu
if [ "$3" = on ] && {quote(self.layout.library)}/bar list | grep -qxF "$2"; then echo kept; exit 0; fi
exec {quote(self.layout.library)}/bar "$2" "$3"
"""

    @property
    @override
    def record(self) -> str:
        layout = self.layout
        # Fields of a line: time of the end, color, status, total time, then two lists with one element a try: time
        # until the answer began, time until it ended. The wait is the color's part: the whole time of all tries but
        # the last, and the last one's time until the answer began. If the answer never began and the status is no
        # 5xx, the client left (499, or 400 if it left while sending).
        return f"""
kept={quote(layout.weight_link)} record={quote(layout.record)} lag={record.FLUSH + 0.5}
[ -r "$record" ] || {{ echo "problem=nginx keeps no record in $record: provision this balancer"; exit 0; }}
{record.WINDOW}
awk -F ";" -v begin="$begin" -v end="$last" -v since="$since" \
    -v blue={quote(layout.backend(Color.blue))} -v green={quote(layout.backend(Color.green))} '{record.COUNT}
$1 == "cut" {{ cut = $2; next }}
NF == 6 && $6 == "-" {{ next }}
NF != 6 || ($2 != blue && $2 != green) {{ unread++; next }}
{{
    gsub(/ : /, ", ", $5); gsub(/ : /, ", ", $6)
    n = split($6, tries, ", "); split($5, heads, ", ")
    sum = 0
    for (i = 1; i < n; i++) sum += tries[i]
    began = heads[n] != "-" && heads[n] != ""
    # a thousandth more, so that 0.007 s is not 6.999 ms
    wait = 1000 * (sum + (began ? heads[n] : tries[n])) + 0.001
    seen($2 == blue ? "blue" : "green", $1, $4, $3, wait, !began && $3 < 500)
}}
END {{ told(cut < begin) }}' "$record"
"""

    @override
    def traffic(self, output: Sequence[str]) -> dict[Color, Traffic]:
        return record.traffic(output, self.layout.record)
