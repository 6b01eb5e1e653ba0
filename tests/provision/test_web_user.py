"""The files of an application are given to another web user. The real scripts, as root, with files of several users."""

from __future__ import annotations

import grp
import os
import pwd
import shlex
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyinfra.context import ctx_host
from pyinfra.operations import server
from typing_extensions import override

from orchestrator.config import Settings, load
from orchestrator.config.schedule import Schedule
from orchestrator.config.worker import Worker
from orchestrator.errors import StepFailed
from orchestrator.model import Color
from orchestrator.provision import common, node, operations, render, walk, web_user
from orchestrator.provision.drains import Drain
from orchestrator.provision.facts import Unit
from orchestrator.provision.live_gate import Answering
from orchestrator.provision.planned import Planned
from orchestrator.provision.web_user import Holding, Holds
from orchestrator.provision.work import Work
from tests.fakes.swapper import plant, swapping

SETTINGS: Settings = load(
    {
        "app": "shop",
        "web_user": "shop-web",
        "source": {"origin": "git@origin:shop.git"},
        "switches": [{"kind": "haproxy", "group": "balancers", "urls": ["http://127.0.0.1"]}],
        "marker": {"answers": "all"},
        "services": [{"name": "ws", "command": "bin/ws", "path": "/ws"}],
    }
)
DRAINED, ALONE = Drain(True, ("lb1",)), Drain(True, (), alone=True)


@pytest.mark.parametrize(
    ("holding", "former"),
    [
        (Holding(), ()),
        (Holding("shop-web"), ()),
        (Holding("www-data"), ("www-data",)),
        # the unit files are new already, and the files are not
        (Holding("shop-web", ("www-data",)), ("www-data",)),
        # an earlier provisioning was killed while it gave the files away, and the former units are back
        (Holding("www-data", ("www-data", "shop-web")), ("www-data",)),
        # an earlier provisioning was killed after that
        (Holding("www-data", ("shop-web",)), ()),
    ],
)
def test_the_former_owners_are_those_of_the_record_or_unit(holding: Holding, former: tuple[str, ...]) -> None:
    assert holding.former("shop-web") == former


def test_the_files_belong_to_the_user_of_the_unit_in_place() -> None:
    path = "/etc/systemd/system/shop-blue-nginx.service"
    assert web_user.wanted(SETTINGS, Holding("www-data")) == "www-data"
    assert web_user.wanted(SETTINGS, Holding("www-data"), ["/etc/x", path]) == "shop-web"
    assert web_user.wanted(SETTINGS, Holding()) == "shop-web"


@pytest.mark.parametrize(
    ("drain", "others", "network", "why"),
    [
        (DRAINED, [], (), ""),
        (None, [], (), ""),
        (None, ["node"], (), ""),
        (ALONE, [], (), "both colors would stop, and no other node gets traffic"),
        (Drain(True), ["node"], (), "provisioning cannot take a node out of a switch of kind node"),
        (DRAINED, ["alb"], (), "provisioning cannot take a node out of a switch of kind alb"),
        (None, [], ("/srv/shop/shared/uploads",), "/srv/shop/shared/uploads is a network file system"),
    ],
)
def test_files_are_given_away_only_on_a_node_without_traffic(
    drain: Drain | None, others: list[str], network: tuple[str, ...], why: str
) -> None:
    holdings = {"node1": Holding("www-data", network=network), "node2": Holding("shop-web", network=network)}
    drains = {"node1": drain, "node2": ALONE} if drain else {}
    found = web_user.problems("shop-web", holdings, drains, others)
    assert len(found) == bool(why)
    if why:
        assert found[0].startswith("node1: the files of the application cannot be given from www-data to shop-web")
        assert why in found[0]
        assert 'set web_user to "www-data"' in found[0]


def seen(former: tuple[str, ...]) -> node.Seen:
    names = ["target", "nginx.service", "fpm.service", "ws.service"]
    units = {f"shop-{color}{'.' if name == 'target' else '-'}{name}": True for color in Color for name in names}
    up = Unit(active=True, enabled=True, stale=False)
    current = {"/etc/orchestrator/shop/loaded/nginx": True}
    for color in Color:
        current |= {f"/run/orchestrator/shop-{color}.loaded": False}
        current |= {f"/run/orchestrator/shop-{color}-nginx.loaded": False}
    return node.Seen(dict.fromkeys([*units, "nginx.service"], up), current, former=former, web_user="shop-web")


def test_both_colors_stop_and_start_and_none_is_restarted() -> None:
    found = node.tasks(SETTINGS, seen(("www-data",)), Color.blue)
    assert [(task.kind, task.color, task.disturbs) for task in found] == [
        ("give", None, True),
        ("up", Color.blue, False),
        ("up", Color.green, False),
        ("listen", Color.blue, False),
        ("listen", Color.green, False),
    ]
    assert (found[0].former, found[0].web_user) == (("www-data",), "shop-web")
    assert found[0].what == "the files of www-data belong to shop-web, and both colors stop meanwhile"
    assert not any(task.kind == "give" for task in node.tasks(SETTINGS, seen(()), Color.blue))


class Asked(Work):
    """Keeps the arguments of an operation, and does not run the operation."""

    def __init__(self) -> None:
        super().__init__()
        self.arguments: dict[str, Any] = {}

    @override
    def do(self, what: str, operation: Callable[..., Any], **arguments: object) -> bool:
        self.arguments = arguments
        return True


def test_no_timer_of_a_schedule_stops_and_starts() -> None:
    # when a timer starts again, systemd may start its command once more for a time that has passed
    settings = SETTINGS.model_copy(update={"schedule": (Schedule(name="tick", command="bin/tick"),)})
    work = Asked()
    web_user.give(work, "give", settings, ["www-data"], "shop-web")
    assert "shop-schedule-tick.service" in work.arguments["targets"]
    timers = ("shop-schedule.target", "shop-schedule-tick.timer")
    assert not set(timers) & set(work.arguments["targets"])
    before = seen(("www-data",))
    scheduled = replace(before, units={**before.units, **dict.fromkeys(timers, Unit(True, True, False))})
    assert "schedule" not in [task.kind for task in node.tasks(settings, scheduled, Color.blue)]


GIVE = node.Task("give", "give", disturbs=True, former=("www-data",), web_user="shop-web")


def test_no_color_that_gets_traffic_is_stopped() -> None:
    fleet: Any = SimpleNamespace(settings=SETTINGS)
    walk._require_no_traffic(fleet, {"node1": [GIVE], "node2": []}, {"node1": DRAINED, "node2": ALONE})
    with pytest.raises(StepFailed, match="node1: the files cannot be given to shop-web"):
        walk._require_no_traffic(fleet, {"node1": [GIVE]}, {"node1": ALONE})


def test_a_restarted_live_color_must_answer_with_its_release(monkeypatch: pytest.MonkeyPatch) -> None:
    states = {name: SimpleNamespace(release={Color.blue: f"of-{name}"}) for name in ("node1", "node2")}
    seen: Any = SimpleNamespace(node_states=states)
    before = Answering(balancers=frozenset({"lb1"}))  # version 0.1 of this tool had no health page
    monkeypatch.setattr(walk, "traffic", lambda seen: (Color.blue, True))
    expected = Answering(Color.blue, {"node2": "of-node2"}, frozenset({"lb1"}))
    assert walk._expected(before, seen, ["node2"]) == {"node2": expected}
    monkeypatch.setattr(walk, "traffic", lambda seen: (None, False))
    assert walk._expected(before, seen, ["node2"]) == {}


class Bare:
    """A host without users of the application, as pyinfra's operations ask it."""

    name = "node1"

    def get_fact(self, fact: type, **asked: Any) -> Any:
        return {"Os": "Linux", "Groups": [], "Which": "/usr/sbin/useradd"}.get(fact.__name__, {})


def test_a_new_web_user_cannot_log_in_and_gets_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    work = Planned()
    with ctx_host.use(Bare()):
        common.web_user(work, "shop-web")
        asked: dict[str, Any] = {}
        monkeypatch.setattr(Planned, "do", lambda self, what, operation, **said: asked.update(said))
        common.web_user(Planned(), "shop-web")
        commands = [command.get_raw_value() for command in server.user._inner(**asked)]
    assert [change.text for change in work.changes] == ["create   user shop-web"]
    (command,) = commands
    assert command.startswith("useradd ")
    assert {"-r", "-M", "/nonexistent", "/usr/sbin/nologin"} <= set(command.split())


# --- what a node says ---


class Files:
    """The files from which a node tells its web user, below another root directory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.asked = web_user.asked(SETTINGS)

    def write(self, **texts: str) -> None:
        for name, text in texts.items():
            self.path(name).parent.mkdir(parents=True, exist_ok=True)
            self.path(name).write_text(text)

    def path(self, name: str) -> Path:
        """The path of an argument of the fact, such as ``fpm``. ``nginx`` and ``ws`` are units."""
        units = {"nginx": 0, "ws": 1}
        said = self.asked["units"][units[name]] if name in units else self.asked[name]  # type: ignore[index]
        return Path(f"{self.root}{said}")

    def holding(self) -> Holding:
        fact = Holds()
        paths = {name: str(self.path(name)) for name in ("record", "root", "target", "fpm")}
        command = fact.command(**paths, units=[str(self.path(name)) for name in ("nginx", "ws")])
        done = subprocess.run(["sh", "-c", command.get_raw_value()], capture_output=True, text=True, check=True)
        return fact.parse(done.stdout.splitlines())


@pytest.mark.parametrize(
    ("texts", "user"),
    [
        ({}, None),
        ({"target": "", "nginx": "[Service]\nUser=http\nX=y\n", "fpm": "user = x\n", "ws": "User=y\n"}, "http"),
        # version 0.1 of this tool
        ({"target": "", "fpm": "[shop]\nuser = http\n", "ws": "User=other\n"}, "other"),
        ({"target": "", "fpm": "[shop]\nuser = http\n"}, "http"),
        ({"target": ""}, "www-data"),
    ],
)
def test_a_node_says_as_whom_its_colors_run(tmp_path: Path, texts: Mapping[str, str], user: str | None) -> None:
    node = Files(tmp_path)
    node.write(**texts)
    assert node.holding() == Holding(user)


def test_a_node_says_to_whom_the_record_gives_its_files(tmp_path: Path) -> None:
    node = Files(tmp_path)
    node.write(record="www-data shop-web\n", target="", nginx="User=www-data\n")
    assert node.holding() == Holding("www-data", ("www-data", "shop-web"))


@pytest.mark.parametrize(
    ("text", "starts"),
    [(None, True), ("shop-web\n", True), ("www-data\n", False), ("www-data shop-web\n", False), ("shop-web2\n", False)],
)
@pytest.mark.parametrize("unit", ["nginx", "FPM", "service", "worker"])
def test_a_unit_starts_only_on_files_of_its_user(tmp_path: Path, unit: str, text: str | None, starts: bool) -> None:
    settings = SETTINGS.model_copy(update={"workers": (Worker(name="queue", command="bin/queue"),)})
    rendered = {
        "nginx": render.nginx_service(settings, Color.blue),
        "FPM": render.fpm_service(settings, Color.blue),
        "service": "".join(render.service_units(settings, Color.blue).values()),
        "worker": render.worker_units(settings)["/etc/systemd/system/shop-blue-queue@.service"],
    }[unit]
    (line,) = [line for line in rendered.splitlines() if line.startswith("ExecCondition=")]
    record = tmp_path / "web_user"
    if text is not None:
        record.write_text(text)
    command = shlex.split(line.removeprefix("ExecCondition=").replace(settings.node.web_user_record, str(record)))
    assert (subprocess.run(command).returncode == 0) is starts


def test_a_worker_of_the_deploy_user_starts_on_any_files() -> None:
    settings = SETTINGS.model_copy(update={"workers": (Worker(name="queue", command="bin/queue", user="deploy"),)})
    assert "ExecCondition" not in render.worker_units(settings)["/etc/systemd/system/shop-blue-queue@.service"]


def test_kept_shared_data_belongs_to_the_user_of_the_note(tmp_path: Path) -> None:
    node = Files(tmp_path)
    node.write(record="")
    node.path("record").unlink()
    node.path("record").parent.rmdir()
    note = Path(f"{tmp_path}{SETTINGS.node.kept_web_user}")
    note.write_text("www-data\n")
    assert node.holding() == Holding(None, ("www-data",))
    assert node.holding().former("shop-web") == ("www-data",)
    # a new color, or a new record, is younger than the note
    node.write(target="", nginx="User=shop-web\n")
    assert node.holding() == Holding("shop-web")
    node.path("target").unlink()
    node.write(record="shop-web\n")
    assert node.holding().owners == ("shop-web",)


# --- giving the files ---

WEB, NEW, DEPLOY, OTHER = "www-data", "games", "backup", "mail"
"""The former web user, the new web user, the deploy user, and another user. All of them are users of the system."""

HAS_ACLS = shutil.which("setfacl") is not None

needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root, for files of several users"
)


class Node:
    """A directory of an application, with a systemctl that notes its arguments."""

    def __init__(self, scratch: Path) -> None:
        self.scratch, self.root, self.record = scratch, scratch / "shop", scratch / "record"
        (scratch / "bin").mkdir()
        self.program("systemctl", '[ "$1" = show ] && echo shop-blue-nginx.service; echo "$*" >>"$0.said"')
        if not HAS_ACLS:
            self.program("getfacl", "exit 0")
        scratch.chmod(0o755)
        self.make("shop", DEPLOY)

    def program(self, name: str, text: str) -> None:
        path = self.scratch / "bin" / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def make(self, path: str, user: str, group: str = "", text: str | None = None, mode: int = 0o755) -> Path:
        """Make a directory, or a file if it has a text."""
        made = self.scratch / path
        if text is None:
            made.mkdir()
        else:
            made.write_text(text)
        self.own(made, user, group or user, mode)
        return made

    def own(self, path: Path, user: str, group: str, mode: int | None = None) -> None:
        os.chown(path, pwd.getpwnam(user).pw_uid, grp.getgrnam(group).gr_gid, follow_symlinks=False)
        if mode is not None:
            path.chmod(mode)

    def give(self, user: str, *former: str) -> subprocess.CompletedProcess[str]:
        (command,) = operations.given._inner(
            root=str(self.root),
            deploy=DEPLOY,
            user=user,
            former=former,
            record=str(self.record),
            targets=["shop-blue.target", "shop-green.target"],
        )
        return subprocess.run(
            ["sh", "-c", command.get_raw_value()],
            env=os.environ | {"PATH": f"{self.scratch}/bin:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
        )

    def owners(self) -> dict[str, tuple[str, str, int]]:
        """Path -> owner, group and mode of each file in the application's directory, and outside of the directory.

        The paths are relative to the scratch directory. Symlinks have the mode 0.
        """
        found = {}
        for path in [*self.root.rglob("*"), *self.scratch.glob("outside/*")]:
            about = path.lstat()
            mode = 0 if path.is_symlink() else stat.S_IMODE(about.st_mode)
            names = pwd.getpwuid(about.st_uid).pw_name, grp.getgrgid(about.st_gid).gr_name
            found[str(path.relative_to(self.scratch))] = (*names, mode)
        return found


def set_acl(path: Path, entries: str) -> None:
    if HAS_ACLS:
        subprocess.run(["setfacl", "-m", entries, path], check=True)


def acl(path: Path) -> set[str]:
    """The entries of a file's ACL that name a user or a group, and its mask."""
    said = subprocess.run(["getfacl", "-cps", path], capture_output=True, text=True, check=True).stdout
    return {line for line in said.split() if "::" not in line or "mask" in line}


@pytest.fixture
def site() -> Iterator[Node]:
    # pytest's own directories are closed to other users
    with tempfile.TemporaryDirectory(dir="/tmp") as scratch:
        yield Node(Path(scratch))


def fill(site: Node) -> None:
    """Make a shop whose files belong to the former web user and to the deploy user."""
    for path in ("shop/releases", "shop/releases/one", "shop/shared"):
        site.make(path, DEPLOY)
    site.make("shop/shared/sessions", WEB, mode=0o700)
    site.make("shop/shared/sessions/sess_1", WEB, text="s", mode=0o600)
    site.make("shop/shared/storage", DEPLOY, WEB, mode=0o2775)
    site.make("shop/shared/storage/tool", WEB, text="#!", mode=0o4755)
    site.make("shop/releases/one/.env", WEB, text="KEY=1", mode=0o600)
    site.make("shop/releases/one/index.php", DEPLOY, WEB, "<?php", 0o640)
    site.make("shop/releases/one/keys.php", DEPLOY, text="<?php", mode=0o600)
    site.make("shop/releases/one/of-root", "root", WEB, "r", 0o640)
    site.make("shop/releases/one/of-mail", OTHER, WEB, "m", 0o640)
    set_acl(site.root / "releases/one/keys.php", f"u:{WEB}:rX")
    set_acl(site.root / "shared/storage", f"d:u:{DEPLOY}:rwX,d:u:{WEB}:rwX,u:{WEB}:rwX")


@needs_root
def test_the_files_of_one_web_user_are_given_to_another(site: Node) -> None:
    fill(site)
    before = site.owners()
    done = site.give(NEW, WEB)
    assert done.returncode == 0, done.stderr
    changed = {path: owner for path, owner in site.owners().items() if owner != before[path]}
    assert changed == {
        "shop/shared/sessions": (NEW, NEW, 0o700),
        "shop/shared/sessions/sess_1": (NEW, NEW, 0o600),
        "shop/shared/storage": (DEPLOY, NEW, 0o2775),
        "shop/shared/storage/tool": (NEW, NEW, 0o755),  # no longer setuid
        "shop/releases/one/.env": (NEW, NEW, 0o600),
        "shop/releases/one/index.php": (DEPLOY, NEW, 0o640),
    }
    assert site.record.read_text() == f"{NEW}\n"
    said = (site.scratch / "bin/systemctl.said").read_text().splitlines()
    assert said[-1] == "stop -- shop-blue.target shop-green.target shop-blue-nginx.service"


@needs_root
@pytest.mark.skipif(not HAS_ACLS, reason="needs the programs setfacl and getfacl")
def test_the_acls_of_one_web_user_are_given_to_another(site: Node) -> None:
    fill(site)
    paths = [site.root / path for path in ("releases/one/keys.php", "shared/storage")]
    before = [acl(path) for path in paths]
    assert site.give(NEW, WEB).returncode == 0
    assert acl(site.root / "releases/one/keys.php") == {f"user:{NEW}:r--", "mask::r--"}
    assert acl(site.root / "shared/storage") == {
        *(f"user:{NEW}:rwx", "mask::rwx", "default:mask::rwx"),
        *(f"default:user:{user}:rwx" for user in (DEPLOY, NEW)),
    }
    assert site.give(WEB, NEW).returncode == 0
    assert [acl(path) for path in paths] == before


@needs_root
def test_giving_the_files_back_restores_all_owners(site: Node) -> None:
    fill(site)
    (site.root / "shared/storage/tool").chmod(0o755)
    before = site.owners()
    for user, former in ((NEW, WEB), (WEB, NEW)):
        done = site.give(user, former)
        assert done.returncode == 0, done.stderr
    assert site.owners() == before
    assert site.record.read_text() == f"{WEB}\n"


@needs_root
def test_a_symlink_is_given_and_not_its_target(site: Node) -> None:
    outside = site.make("outside", WEB)
    secret = site.make("outside/secret", WEB, text="x", mode=0o600)
    for name, target in (("shop/to-file", secret), ("shop/to-directory", outside)):
        (site.scratch / name).symlink_to(target)
        site.own(site.scratch / name, WEB, WEB)
    assert site.give(NEW, WEB).returncode == 0
    owners = site.owners()
    assert owners["outside/secret"] == (WEB, WEB, 0o600)
    assert {owners[name][0] for name in ("shop/to-file", "shop/to-directory")} == {NEW}


@needs_root
def test_a_file_with_a_name_outside_of_the_application_stops_all(site: Node) -> None:
    fill(site)
    site.make("outside", WEB)
    os.link(site.root / "releases/one/.env", site.scratch / "outside/env")
    before = site.owners()
    done = site.give(NEW, WEB)
    assert done.returncode != 0
    assert "the file ./releases/one/.env also has a name outside of the application's directory" in done.stderr
    assert site.owners() == before
    # the next provisioning gives the files to one of the two
    assert site.record.read_text() == f"{WEB} {NEW}\n"


@needs_root
def test_hard_links_inside_the_application_are_given(site: Node) -> None:
    fill(site)
    os.link(site.root / "releases/one/.env", site.root / "shared/env")
    assert site.give(NEW, WEB).returncode == 0
    assert site.owners()["shop/shared/env"] == (NEW, NEW, 0o600)
    # outputs of build steps are in several releases and belong to the deploy user, who may also have them elsewhere
    site.make("shop/shared/output", DEPLOY, text="o")
    site.make("outside", DEPLOY)
    os.link(site.root / "shared/output", site.scratch / "outside/output")
    assert site.give(WEB, NEW).returncode == 0
    assert site.owners()["shop/shared/env"] == (WEB, WEB, 0o600)


@needs_root
def test_the_group_of_the_deploy_user_is_no_group_of_the_web(site: Node) -> None:
    site.make("shop/plain", DEPLOY, text="p")
    # as if the deploy user were also a former web user, whose primary group is then that of the deploy user
    assert site.give(NEW, WEB, DEPLOY).returncode == 0
    assert site.owners()["shop/plain"][1] == DEPLOY


@needs_root
def test_an_unknown_user_changes_nothing(site: Node) -> None:
    fill(site)
    before = site.owners()
    done = site.give(NEW, WEB, "nobody-of-this-name")
    assert (done.returncode != 0, "there is no user nobody-of-this-name" in done.stderr) == (True, True)
    assert site.owners() == before


@needs_root
@pytest.mark.exhaustive
def test_swapped_links_lead_the_walk_nowhere(site: Node) -> None:
    place = site.root / "shared"
    place.mkdir()
    plant(place, site.scratch / "outside")
    for path in (*place.rglob("*"), site.scratch / "outside", site.scratch / "outside/keys"):
        site.own(path, WEB, WEB)
    keys = site.scratch / "outside/keys"
    with swapping(place):
        for user, former in [(NEW, WEB), (WEB, NEW)] * 10:
            done = site.give(user, former)
            assert done.returncode == 0 or "made another name" in done.stderr, done.stderr
            assert keys.owner() == WEB


def test_new_directories_belong_to_the_former_user_until_then(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[dict[str, Any]] = []

    def do(self: Work, what: str, operation: object, **asked: Any) -> bool:
        done.append(asked)
        return True

    class Host:
        def __init__(self, holding: Holding) -> None:
            self.holding = holding

        def get_fact(self, fact: type, **asked: Any) -> Any:
            assert fact is Holds
            return self.holding

    monkeypatch.setattr(Work, "do", do)
    with ctx_host.use(Host(Holding("shop-web"))):
        assert web_user.holder(Work(), SETTINGS) == "shop-web"
    assert done == []
    with ctx_host.use(Host(Holding("www-data"))):
        assert web_user.holder(Work(), SETTINGS) == "www-data"
    assert [(asked["path"], asked["text"]) for asked in done] == [("/etc/orchestrator/shop/web_user", "www-data\n")]
