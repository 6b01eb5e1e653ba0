"""What answers for a color: PHP-FPM, a service, or nginx alone."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.config import Settings, load
from orchestrator.model import Color
from orchestrator.plan.steps import Place, Step
from orchestrator.run.commands import commands
from orchestrator.runtimes import runtime_of
from orchestrator.stages.warm import Warm

WEB = {"name": "web", "command": "bin/web", "path": "/"}
WS = {"name": "ws", "command": "bin/ws", "path": "/ws", "ports": {"blue": 9001, "green": 9002}}
PORTS = {"ports": {"blue": 9011, "green": 9012}}


def settings(**changes: Any) -> Settings:
    return load(
        {
            "app": "shop",
            "source": {"origin": "git@origin:shop.git"},
            "switches": [{"kind": "haproxy", "group": "balancers", "urls": ["http://127.0.0.1"]}],
            "marker": {"answers": "all"},
        }
        | changes
    )


PHP = settings(services=[WS])
SERVICE = settings(runtime="service", services=[WS, WEB])
PORT = settings(runtime="service", services=[WEB | PORTS])
STATIC = settings(runtime="static")


@pytest.mark.parametrize(
    ("made", "unit", "what", "main", "others"),
    [
        (PHP, "shop-green-fpm.service", "PHP-FPM", "/srv/shop/green/run/fpm.sock", ["9002"]),
        (SERVICE, "shop-green-web.service", "web", "/srv/shop/green/run/web.sock", ["9002"]),
        (PORT, "shop-green-web.service", "web", "9012", []),
        (STATIC, None, "", "", []),
    ],
)
def test_each_runtime_has_its_unit_and_its_request_counter(
    made: Settings, unit: str | None, what: str, main: str, others: list[str]
) -> None:
    assert runtime_of(made).main_unit(Color.green) == unit
    assert runtime_of(made).label == what
    counted = runtime_of(made).in_flight(Color.green)
    listens = "/srv/shop/green/release/.release/stack/listen-green-"
    name = what if unit == "shop-green-web.service" else ""
    wanted = {"directory": "/srv/shop/green/run", "port": 8082, "listens": listens, "service": name}
    assert counted == {**wanted, "main": main, "others": others}


def test_the_running_code_is_asked_for_unless_nginx_is_alone() -> None:
    assert "/usr/bin/cgi-fcgi -bind -connect /srv/shop/blue/run/fpm.sock" in runtime_of(PHP).code(Color.blue)
    library = "/usr/local/lib/orchestrator/shop"
    assert runtime_of(SERVICE).code(Color.blue) == f"sudo -n {library}/runs shop-blue-web.service"
    assert runtime_of(STATIC).code(Color.blue) == ""


@pytest.mark.parametrize(("made", "compiled"), [(PHP, True), (SERVICE, False), (STATIC, False)])
def test_only_php_is_compiled(made: Settings, compiled: bool) -> None:
    (command,) = commands(Step(Place("node", "node1"), Warm(Color.blue), 60.0), made)
    (command,) = commands(Step(Place("node", "node1"), Warm(Color.blue), 60.0), made)
    assert ("/inspect.php" in command) == compiled
    # every worker of the pool has time for a page, in a third of the deadline
    said = f"'{runtime_of(made).said(Color.blue)}'"
    assert f" 8081 localhost '' {made.php.workers if compiled else 0} 60 {said} /" in command
    assert ("/said shop-blue-fpm.service" in said) == compiled
