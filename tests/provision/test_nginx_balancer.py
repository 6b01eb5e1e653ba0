"""The configuration of an nginx balancer is written, and nginx reloaded, only if a directive changes."""

from __future__ import annotations

from typing import Any

import pytest
from pyinfra.context import ctx_host
from typing_extensions import override

from orchestrator.config.switch import NginxSwitch
from orchestrator.model import Color
from orchestrator.provision import nginx_balancer, render
from orchestrator.provision.work import Work
from tests.provision.test_applied import Host
from tests.provision.test_render import NODES, only, settings

SETTINGS = settings(switches=[{"kind": "nginx", "group": "balancers", "urls": ["http://127.0.0.1"]}])
SWITCH = only(SETTINGS, NginxSwitch)
TEXT = render.balancer_nginx(SETTINGS, SWITCH, NODES)
EARLIER = render.balancer_nginx(SETTINGS, SWITCH, NODES, knows_mark=False)
OTHER_COMMENTS = TEXT.replace("# ", "# earlier: ")


class Balancer(Host):
    """A balancer that has a configuration of nginx."""

    def __init__(self, text: str) -> None:
        self.text = text

    @override
    def get_fact(self, fact: type, **arguments: Any) -> Any:
        return self.text if fact.__name__ == "Text" else super().get_fact(fact, **arguments)


@pytest.mark.parametrize(
    ("present", "wanted"),
    [
        (OTHER_COMMENTS, OTHER_COMMENTS),
        (OTHER_COMMENTS.replace("keepalive 64;", "keepalive 65;"), TEXT),
        (EARLIER, EARLIER),
        (EARLIER.replace("keepalive 64;", "keepalive 65;"), TEXT),
        ("", TEXT),
    ],
)
def test_a_reload_that_nothing_needs_is_avoided(monkeypatch: pytest.MonkeyPatch, present: str, wanted: str) -> None:
    done: dict[str, dict[str, Any]] = {}
    monkeypatch.setattr(Work, "do", lambda self, what, operation, **more: bool(done.setdefault(what, more)))
    with ctx_host.use(Balancer(present)):
        nginx_balancer.place(Work(), SETTINGS, SWITCH, NODES, Color.green)
    assert done["first weight"]["target"] == "weights/100"
    assert done["nginx configuration"]["text"] == wanted
