"""The tasks that are left on a node, and the tasks that must not be done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from orchestrator.config import Settings, load
from orchestrator.config.firewall import Firewall
from orchestrator.config.service import Service
from orchestrator.errors import UsageError
from orchestrator.model import Color
from orchestrator.provision import common, node, render
from orchestrator.provision.facts import Account, Accounts, Addresses, Current, Unit, Units
from orchestrator.provision.work import Work
from orchestrator.scripts import fastcgi

SETTINGS: Settings = load(
    {
        "app": "shop",
        "source": {"origin": "git@origin:shop.git"},
        "switches": [{"kind": "haproxy", "group": "balancers", "urls": ["http://127.0.0.1"]}],
        "marker": {"answers": "all"},
        "shared": {"directories": ["storage/app/public", "storage/logs", "uploads"]},
    }
)
ALONE: Settings = load(
    {
        "app": "shop",
        "source": {"origin": "git@origin:shop.git"},
        "switches": [{"kind": "node", "urls": ["http://127.0.0.1:8080"]}],
        "marker": {"answers": "all"},
    }
)
OPEN: Settings = SETTINGS.model_copy(update={"firewall": Firewall(enabled=False)})
UP = Unit(active=True, enabled=True, stale=False)
DOWN = Unit(active=False, enabled=False, stale=False)


WITH_SERVICE: Settings = SETTINGS.model_copy(update={"services": [Service(name="ws", command="bin/ws", path="/ws")]})


def seen(unit: Unit = UP, current: bool = True, **changes: Unit | bool) -> node.Seen:
    """A node that is up and current apart from the given changes: ``blue_fpm=DOWN``, ``green_read=False``."""
    units = {"nginx.service": changes.get("front", unit)}
    stamps = {common.loaded(SETTINGS, "nginx"): changes.get("front_read", current)}
    for color in Color:
        units[f"shop-{color}.target"] = changes.get(f"{color}_target", unit)
        units[f"shop-{color}-nginx.service"] = changes.get(f"{color}_nginx", unit)
        units[f"shop-{color}-fpm.service"] = changes.get(f"{color}_fpm", unit)
        units[f"shop-{color}-ws.service"] = changes.get(f"{color}_ws", unit)
        stamps[render.stamp(SETTINGS, color)] = changes.get(f"{color}_read", current)
        stamps[render.nginx_loaded(SETTINGS, color)] = changes.get(f"{color}_servers", current)
    return node.Seen(units, stamps)  # type: ignore[arg-type]


def kinds(found: node.Seen, live: Color | None) -> list[tuple[str, Color | None]]:
    return [(task.kind, task.color) for task in node.tasks(SETTINGS, found, live)]


def test_nothing_is_left_to_do_where_everything_is_loaded() -> None:
    for live in (None, *Color):
        assert node.tasks(SETTINGS, seen(), live) == []


def test_a_new_node_gets_everything() -> None:
    wanted = [("up", Color.blue), ("up", Color.green), ("nginx", None), ("listen", Color.blue), ("listen", Color.green)]
    assert kinds(seen(DOWN, current=False), None) == wanted
    assert not any(task.disturbs for task in node.tasks(SETTINGS, seen(DOWN, current=False), None))


@pytest.mark.parametrize(
    ("settings", "who"), [(SETTINGS, "only balancers and firewall.allow"), (OPEN, "every address")]
)
def test_a_firewall_that_is_not_loaded_is_a_task(settings: Settings, who: str) -> None:
    found = seen()
    (task,) = node.tasks(settings, node.Seen(found.units, found.current, has_firewall=False), Color.blue)
    assert task == node.Task(f"firewall: {who} can connect to the ports 8080, 8081 and 8082", "firewall")


def test_colors_take_their_ports_from_a_node_s_nginx_last() -> None:
    # nginx of the node has the colors' ports until it is reloaded: the colors then listen at their sockets alone
    moved: dict[str, Any] = {f"{color}_{what}": DOWN for color in Color for what in ("nginx", "target")}
    found = node.tasks(SETTINGS, seen(front_read=False, blue_servers=False, green_servers=False, **moved), Color.blue)
    assert [(task.kind, task.color, task.disturbs) for task in found] == [
        ("up", Color.blue, False),
        ("up", Color.green, False),
        ("nginx", None, True),
        ("listen", Color.blue, False),
        ("listen", Color.green, False),
    ]


@pytest.mark.parametrize("live", Color)
def test_the_live_fpm_is_never_restarted(live: Color) -> None:
    found = seen(blue_read=False, green_read=False)
    assert kinds(found, live) == [("later" if color is live else "restart", color) for color in Color]


def test_no_fpm_is_restarted_if_the_live_color_is_unknown() -> None:
    assert kinds(seen(blue_read=False, green_read=False), None) == [("later", Color.blue), ("later", Color.green)]


def test_a_color_that_is_down_is_started_even_if_it_is_live() -> None:
    assert kinds(seen(blue_fpm=DOWN), Color.blue) == [("up", Color.blue)]
    assert kinds(seen(blue_nginx=DOWN), Color.blue) == [("up", Color.blue), ("listen", Color.blue)]


def test_a_down_service_is_started_and_a_removed_one_ignored() -> None:
    found = seen(green_ws=DOWN)
    assert [(task.kind, task.color) for task in node.tasks(WITH_SERVICE, found, Color.green)] == [("up", Color.green)]
    assert node.tasks(SETTINGS, found, Color.green) == []


@pytest.mark.parametrize(
    ("settings", "found", "disturbs"),
    [
        # balancers ask the colors' ports: only the node's own nginx is reloaded
        (SETTINGS, seen(front_read=False), [("nginx", False)]),
        (ALONE, seen(front_read=False), [("nginx", True)]),
        (ALONE, seen(front=DOWN, front_read=False), [("nginx", False)]),
        # an earlier version: nginx of the node may have the colors' ports
        (SETTINGS, seen(front_read=False, green_nginx=DOWN), [("up", False), ("nginx", True), ("listen", False)]),
        (SETTINGS, seen(blue_servers=False), [("listen", True)]),
        (SETTINGS, seen(blue_servers=False, blue_nginx=DOWN), [("up", False), ("listen", False)]),
        (SETTINGS, seen(blue_read=False), [("restart", False)]),
    ],
)
def test_only_a_reload_of_an_nginx_that_serves_disturbs(
    settings: Settings, found: node.Seen, disturbs: list[tuple[str, bool]]
) -> None:
    assert [(task.kind, task.disturbs) for task in node.tasks(settings, found, Color.green)] == disturbs


def test_units_that_systemd_has_not_read_come_first() -> None:
    stale = Unit(active=True, enabled=True, stale=True)
    assert kinds(seen(blue_fpm=stale, front_read=False), None) == [("units", None), ("nginx", None)]


def test_nothing_but_nginx_runs_for_a_static_site() -> None:
    static = SETTINGS.model_copy(update={"runtime": "static"})
    assert node.tasks(static, seen(green_fpm=DOWN, blue_read=False), Color.green) == []
    (task, _) = node.tasks(static, seen(green_nginx=DOWN), Color.green)
    assert (task.kind, task.color) == ("up", Color.green)
    assert "nginx" in node.packages(static)
    assert not [name for name in node.packages(static) if "php" in name or "fcgi" in name]
    assert kinds(seen(blue_target=DOWN), None) == [("up", Color.blue)]


def test_a_service_of_its_color_is_restarted_like_php_fpm() -> None:
    web = SETTINGS.model_copy(
        update={"runtime": "service", "services": [Service(name="ws", command="bin/ws", path="/")]}
    )
    (task,) = node.tasks(web, seen(blue_read=False, blue_fpm=DOWN), Color.green)
    assert (task.kind, task.what) == ("restart", "blue: ws restarted, with its new configuration")
    (task,) = node.tasks(web, seen(blue_read=False), Color.blue)
    assert task.kind == "later"
    (task,) = node.tasks(web, seen(blue_ws=DOWN), Color.blue)
    assert (task.kind, task.color) == ("up", Color.blue)


def test_shared_directories_are_made_from_the_top() -> None:
    assert node.shared_directories(SETTINGS) == [
        "storage",
        "storage/app",
        "storage/app/public",
        "storage/logs",
        "uploads",
    ]


class Recorder(Work):
    """Records the operations that would be run."""

    def __init__(self) -> None:
        super().__init__()
        self.owners: dict[str, tuple[str, str, str]] = {}

    @override
    def account(self, user: str) -> Account:
        return Account(f"/home/{user}", user)

    @override
    def do(self, what: str, operation: Callable[..., Any], **arguments: Any) -> bool:
        if "paths" in arguments:
            said = tuple(arguments.get(name, "root") for name in ("user", "group", "mode"))
            self.owners |= dict.fromkeys(arguments["paths"], said)
        return True


def test_every_node_can_keep_lock_and_journal() -> None:
    me = Account("/home/deploy", "deploy")
    for settings in (ALONE, SETTINGS):
        work = Recorder()
        node.tree(work, settings, me, "www-data", Color.blue)
        assert work.owners.get(settings.balancer.state) == ("root", "deploy", "1775")


@pytest.mark.parametrize("live", [Color.green, None])
def test_a_node_without_the_live_release_gets_no_link(monkeypatch: pytest.MonkeyPatch, live: Color | None) -> None:
    me, done = Account("/home/deploy", "deploy"), dict[str, Any]()
    monkeypatch.setattr(Recorder, "do", lambda self, what, operation, **arguments: done.update({what: arguments}))
    node.tree(Recorder(), ALONE, me, "www-data", live)
    assert done.get("live link", {}).get("target") == (str(live) if live else None)


def test_deploy_and_web_user_may_write_every_shared_file(monkeypatch: pytest.MonkeyPatch) -> None:
    me = Account("/home/deploy", "deploy")
    done: dict[str, dict[str, Any]] = {}
    monkeypatch.setattr(Recorder, "do", lambda self, what, operation, **arguments: done.update({what: arguments}))
    for settings, expected in ((SETTINGS, SETTINGS.shared.directories), (ALONE, None)):
        done.clear()
        node.tree(Recorder(), settings, me, "www-data", Color.blue)
        said = done.get("shared directories: who may write")
        paths = [f"/srv/shop/shared/{path}" for path in expected or ()]
        assert said == ({"base": "/srv/shop", "paths": paths, "users": ["deploy", "www-data"]} if expected else None)
        assert "acl" in node.packages(settings)


def test_a_node_that_is_armed_needs_all_of_perl() -> None:
    assert "perl" in node.packages(ALONE)
    assert "perl" not in node.packages(SETTINGS)


def test_units_fact() -> None:
    output = """\
Id=shop-blue.target
ActiveState=active
UnitFileState=enabled
NeedDaemonReload=no

Id=shop-green.target
ActiveState=failed
UnitFileState=
NeedDaemonReload=yes""".splitlines()
    assert Units().process(output) == {
        "shop-blue.target": Unit(active=True, enabled=True, stale=False),
        "shop-green.target": Unit(active=False, enabled=False, stale=True),
    }


def test_small_facts() -> None:
    assert Current().process(["yes|/a", "no|/b"]) == {"/a": True, "/b": False}
    assert Addresses().process(["n1|10.0.0.1", "n2|fd00::1"]) == {"n1": "10.0.0.1", "n2": "fd00::1"}
    (account,) = Accounts().process(["deploy|/home/deploy|deploy"]).values()
    assert (account.home, account.group) == ("/home/deploy", "deploy")


def test_fastcgi_commands_are_quoted_and_carry_no_environment() -> None:
    command = fastcgi.fastcgi_command(
        "/run/a b.sock", "/lib/inspect.php", "compile=1&x='", "/srv/shop/blue/release/public"
    )
    assert command.startswith("env -i ")
    assert "'QUERY_STRING=compile=1&x='\"'\"''" in command
    assert command.endswith("-bind -connect '/run/a b.sock' </dev/null")
    assert "SCRIPT_NAME=/fpm-status" in fastcgi.status_command("/s")
    assert "QUERY_STRING=json " in fastcgi.status_command("/s")


def test_fastcgi_answers() -> None:
    assert fastcgi.body(["Content-Type: application/json\r", "\r", '{"a": 1}']) == '{"a": 1}'
    with pytest.raises(ValueError, match="404"):
        fastcgi.body(["Status: 404 Not Found", "", "File not found."])
    with pytest.raises(ValueError, match="not an answer"):
        fastcgi.body(["Could not connect to /run/x.sock"])


def test_key_files_that_settings_name_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"authorized_keys: .* cannot be read \(No such file"):
        common.public_keys(str(tmp_path / "none.pub"))
    keys = tmp_path / "keys.pub"
    keys.write_text("# mine\n\nssh-ed25519 AAAA me")
    assert common.public_keys(str(keys)) == ["ssh-ed25519 AAAA me"]
    keys.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n")
    with pytest.raises(UsageError, match="private key"):
        common.public_keys(str(keys))
