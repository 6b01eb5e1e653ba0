"""Where provisioning acts as root, it touches no path that the deploy user or the web user can change.

These tests read all operations, units and sudo rules, for settings of all kinds. `tests/root` traces the scripts of
provisioning.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pyinfra.context import ctx_host

from orchestrator.config import Settings
from orchestrator.config.switch import BalancerSwitch
from orchestrator.fleet import Reply
from orchestrator.model import Color
from orchestrator.provision import common, drain_mark, haproxy, keep_out, nginx_balancer, node, operations, render
from orchestrator.provision.facts import Account
from orchestrator.provision.members import Members
from orchestrator.provision.web_user import Holding
from orchestrator.provision.work import Work
from orchestrator.scripts.guarded import removed_by
from tests.shell.rendered import variants

HOME = "/home/deploy"
NODES = {"node1": "10.0.0.1"}
VARIANTS = variants()

BY_THE_USER: dict[Callable[..., Any], Callable[[dict[str, Any]], bool]] = {
    operations.first_link: lambda asked: asked["user"] == "deploy",
    operations.first_file: lambda asked: asked["by"] == "deploy",
    operations.authorized_keys: lambda asked: asked["user"] == "deploy",
    operations.no_git_setting: lambda asked: asked["user"] == "deploy",
    operations.configured: lambda asked: asked["user"] == "deploy",
    # these enter each directory, and follow no link (`test_operations.py`)
    operations.directories_below: lambda asked: asked["base"] in ("/srv/shop-x", "/var/lib/orchestrator/shop-x"),
    operations.heirs: lambda asked: asked["base"] == "/srv/shop-x",
    # in a sticky directory of root (`tests/switches/test_haproxy_map.py`)
    operations.weights_map: lambda asked: asked["path"] == "/var/lib/orchestrator/shop-x/weights.map",
}
"""The operations that may touch a path below a directory of the deploy user -> whether the arguments are right."""


class Host:
    """A host that has nothing but its users."""

    name = "node1"

    def get_fact(self, fact: type, **arguments: Any) -> Any:
        answers: dict[str, Callable[[], Any]] = {
            "MissingPackages": list,
            "Accounts": lambda: {
                user: Account(HOME if user == "deploy" else "/var/www", user) for user in arguments["users"]
            },
            "Text": lambda: "",
            "HAProxyVersion": lambda: (2, 6),
            "Unconfigured": lambda: ["20260101T120000Z-5d0f0c1"],
            "ReleasedServices": list,
            "ReleasedSchedules": list,
            "WorkerUnits": list,
            "Holds": Holding,
            "Entries": lambda: dict.fromkeys(arguments["paths"]),
        }
        return answers[fact.__name__]()


def is_of_a_user(settings: Settings, path: str) -> bool:
    """Whether another user than root can change a directory above a path."""
    own = (settings.node.root, settings.balancer.state, HOME, "/tmp")
    return any(path.startswith(f"{directory}/") for directory in own)


def paths_of(asked: dict[str, Any]) -> Iterator[str]:
    for value in asked.values():
        for text in [value] if isinstance(value, str) else value if isinstance(value, list | tuple) else []:
            if isinstance(text, str) and re.fullmatch(r"/[^\s;]+", text):
                yield text


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[Callable[..., Any], dict[str, Any]]]]:
    """The operations that provisioning runs, with their arguments."""
    found: list[tuple[Callable[..., Any], dict[str, Any]]] = []

    def do(self: Work, what: str, operation: Callable[..., Any], **asked: Any) -> bool:
        found.append((operation, asked))
        return True

    monkeypatch.setattr(Work, "do", do)
    for module in (node, common):
        monkeypatch.setattr(module, "local_text", lambda path, key: "text\n")
    with ctx_host.use(Host()):
        yield found


@pytest.mark.parametrize("name", VARIANTS)
def test_no_operation_of_root_touches_a_path_of_another_user(
    name: str, done: list[tuple[Callable[..., Any], dict[str, Any]]]
) -> None:
    settings = VARIANTS[name].model_copy(update={"authorized_keys": ["ann.pub"]})
    node.place(Work(), settings, "node1", {"lb": "10.0.0.9"}, Color.blue)
    for switch in settings.switches:
        if isinstance(switch, BalancerSwitch):
            place: Callable[..., None] = {"haproxy": haproxy, "nginx": nginx_balancer}[switch.kind].place
            place(Work(), settings, switch, NODES, Color.blue)
    touched = 0
    for operation, asked in done:
        if any(is_of_a_user(settings, path) for path in paths_of(asked)):
            assert operation in BY_THE_USER, (operation.__name__, asked)
            assert BY_THE_USER[operation](asked), (operation.__name__, asked)
            touched += 1
    assert touched >= 3


class Hosts:
    """A fleet that notes the commands which it gets."""

    def __init__(self) -> None:
        self.settings = VARIANTS["php-node"]
        self.nodes = ["node1"]
        self.balancers: dict[str, str] = {}
        self.apis: dict[str, Any] = {}
        self.is_switch = True
        self.commands: list[str] = []

    def address(self, name: str) -> str:
        return "10.0.0.1"

    def one(self, name: str, act: Callable[[Any], Any], deadline: float) -> Reply[Any]:
        return Reply(name, act(SimpleNamespace(name=name)), None, False, 0.0)

    def each(self, names: Any, act: Callable[[Any], Any], deadline: float) -> list[Reply[Any]]:
        return [self.one(name, act, deadline) for name in names]

    def shell(self, host: Any, command: Any, stdin: str = "") -> list[str]:
        self.commands.append(command.get_raw_value())
        return []


def test_the_deploy_user_s_marks_are_changed_as_this_user() -> None:
    hosts = Hosts()
    fleet = cast("Any", hosts)
    drain_mark.write(fleet, "node1", ["lb"])
    drain_mark.remove(fleet, "node1")
    drain_mark.let_all_in(fleet, ["node1"], print)
    keep_out.bar_known(fleet, Members({"node1": "has no release"}, answering=("node1",)), print)
    assert len(hosts.commands) == 7
    for command in hosts.commands:
        removes = re.search(r"exec runuser -u \"\$1\" -- rm -f -- \"\$2\"' orchestrator deploy /srv/shop-x/", command)
        assert removes or command.startswith("runuser -u deploy -- env "), command


@pytest.mark.parametrize("there", ["", "file", "link"])
def test_a_mark_is_removed_also_on_a_host_without_the_user(tmp_path: Path, there: str) -> None:
    path, runuser = tmp_path / "drain", tmp_path / "runuser"
    if there == "link":
        path.symlink_to("nowhere")
    elif there:
        path.touch()
    # a new host has no such user, and no mark
    runuser.write_text(
        '#!/bin/sh\n[ "$1 $2 $3" = "-u nobody-yet --" ] && shift 3 && exec "$@"\n' if there else "exit 1"
    )
    runuser.chmod(0o755)
    command = removed_by("nobody-yet", str(path)).get_raw_value()
    subprocess.run(["sh", "-c", command], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=True)
    assert not path.is_symlink()
    assert not path.exists()


def units_of(settings: Settings) -> dict[str, str]:
    """The systemd units that provisioning installs: name -> text."""
    found = {"bar.service": render.bar_service(settings), **render.trim_units(settings)}
    found["firewall.service"] = render.firewall_service(settings)
    for color in Color:
        found |= {f"nginx-{color}": render.nginx_service(settings, color), **render.service_units(settings, color)}
        found |= render.shrink_units(settings, color) if settings.shrinks else {}
        found |= {f"fpm-{color}": render.fpm_service(settings, color)} if settings.runtime == "php" else {}
    return found


AS_ROOT = re.compile(
    r"/usr/local/lib/orchestrator/shop-x/(bar restore|trim|listen (blue|green) [0-9]+)"
    r"|-?/usr/sbin/nft (-f /etc/orchestrator/shop-x/firewall.nft|delete table inet orchestrator_shop_x)"
    r"|/bin/sh -c 'sha256sum (/etc/systemd/system/[a-z0-9.-]+ ?)+ > /run/orchestrator/shop-x-(blue|green)\.loaded'"
)
"""The commands that units run as root. Only root can change the directories of the files that they write."""


@pytest.mark.parametrize("name", VARIANTS)
def test_units_run_as_root_only_what_touches_no_path_of_others(name: str) -> None:
    for unit, text in units_of(VARIANTS[name]).items():
        user = re.search(r"^User=(.+)$", text, re.MULTILINE)
        assert user is None or user[1] in ("deploy", "shop-x-web")
        # systemd gives these directories to the user: they must not be those into which root writes
        own = re.findall(r"^(?:Runtime|Cache|Logs|State)Directory=(\S+)$", text, re.MULTILINE)
        assert not any(path.endswith((".loaded", ".listen", ".socket-only")) for path in own)
        for command in re.findall(r"^Exec[A-Za-z]+=(.+)$", text, re.MULTILINE):
            if user is None or command.startswith(("+", "!")):
                assert AS_ROOT.fullmatch(command.lstrip("+!")), (unit, command)
            else:
                assert command[0] not in "+!", (unit, command)


PROGRAMS = re.compile(
    r"/usr/bin/systemctl (--job-mode=ignore-dependencies )?(start|stop|restart) shop-x-[a-z-]+\.(target|service|timer)"
    r'|/usr/local/lib/orchestrator/shop-x/(used ""|own|pack|remove|as-web|workers|(said|runs) shop-x-[a-z-]+\.service'
    r"|bar (list|[0-9.]+ (on|off)))"
)


@pytest.mark.parametrize("name", VARIANTS)
def test_sudo_rules_name_only_programs_of_root(name: str) -> None:
    rules = render.node_sudoers(VARIANTS[name]) + render.balancer_sudoers(VARIANTS[name], NODES)
    for rule in rules.splitlines():
        if rule.startswith("#") or rule in ("Defaults:deploy !requiretty", "Defaults:deploy use_pty"):
            continue
        user, _, command = rule.partition(" NOPASSWD: ")
        assert user in ("deploy ALL=(root)", "deploy ALL=(shop-x-web)")
        assert user == "deploy ALL=(shop-x-web)" or PROGRAMS.fullmatch(command), rule


TEMPORARY = re.compile(r"mktemp(?! (-d|[.]/))|/tmp/")


def test_no_script_makes_a_file_in_a_directory_of_all_users() -> None:
    scripts = [*Path(render.__file__).parent.rglob("*.sh"), *(Path(render.__file__).parent / "templates").iterdir()]
    assert len(scripts) > 50
    for path in scripts:
        assert not TEMPORARY.search(path.read_text()), path
