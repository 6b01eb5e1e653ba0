"""nginx as a switch. A symlink points to one of the directories ``0`` to ``100``.

The name of the directory is green's weight in per cent. nginx reads the symlink once for each request, so a change of
the weight needs no reload.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from typing_extensions import override

from orchestrator.comparison.traffic import Traffic
from orchestrator.config.identity import parse as identity
from orchestrator.config.switch import NginxSwitch
from orchestrator.errors import CannotTell
from orchestrator.model import Color, Weights
from orchestrator.scripts.command import digests, pairs
from orchestrator.scripts.files import assign, read
from orchestrator.switches import record
from orchestrator.switches.base import Balancer, Seen, barred


class Nginx(Balancer):
    """Makes the shell scripts that control nginx. They set the weight by replacing a symlink.

    In a measurement with 100 cutovers, none of 84,695 requests failed.
    """

    section = NginxSwitch

    @property
    @override
    def look(self) -> str:
        places = {"library": self.layout.library, "provisioned": self.layout.provisioned, "mark": self.layout.page_mark}
        return self._script("look", **places)

    @override
    def seen(self, output: Sequence[str]) -> Seen:
        said = pairs(list(output))
        kept = said.get("kept", "")
        if not re.fullmatch(r"[0-9]{1,3}", kept) or int(kept) > 100:
            raise CannotTell(f"{self.layout.weight_link} has no valid weight")
        if said.get("serving") != "yes":
            raise CannotTell("nginx is not running")
        return Seen(
            weights=Weights(int(kept)),
            kept=Weights(int(kept)),
            in_flight=None,
            filesystem=said.get("filesystem", ""),
            barred=barred(said),
            down=dict.fromkeys(Color, ()),
            digests=digests(said),
            identity=identity(said),
            page=said.get("page") == "on",
            kept_page=said.get("page") == "on",
        )

    @property
    @override
    def arm(self) -> str:
        return self._script("arm", weights=self.layout.weights, record=self.layout.record)

    @property
    @override
    def shift(self) -> str:
        return self._script("shift", weights=self.layout.weights)

    @property
    @override
    def bar(self) -> str:
        return self._script("bar", library=self.layout.library)

    @property
    @override
    def page(self) -> str:
        return self._script("page", mark=self.layout.page_mark, page=self.layout.page)

    @property
    @override
    def hold(self) -> str:
        places = {"mark": self.layout.hold_mark, "hold": self.layout.hold_socket}
        return self._script("hold", **places, program=read("switches/nginx_hold.pl"))

    @property
    @override
    def record(self) -> str:
        counting = record.counting("switches/nginx_record.awk")
        backends = {color.value: self.layout.backend(color) for color in Color}
        return self._script("record", record=self.layout.record, lag=str(record.FLUSH + 0.5), **backends, **counting)

    @override
    def traffic(self, output: Sequence[str]) -> dict[Color, Traffic]:
        return record.traffic(output, self.layout.record)

    def _script(self, name: str, **values: str) -> str:
        """Return the text of a script. The first line of the text sets the shell variables of the script.

        + name: the script is in the file ``nginx_<name>.sh``
        + values: shell variable -> value. The variable ``link`` is always set.
        """
        return assign(read(f"switches/nginx_{name}.sh"), link=self.layout.weight_link, **values)
