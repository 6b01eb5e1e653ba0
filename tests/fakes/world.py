"""A fleet of pyinfra ``@fake`` hosts that really run our scripts: each in its own directory, with the real
shell, git and file system, and stand-ins (``bin/``) for systemctl, curl, cgi-fcgi, ss and HAProxy's socket.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
from pyinfra.api.command import StringCommand
from pyinfra.api.config import Config
from pyinfra.api.connect import connect_all
from pyinfra.api.inventory import Inventory
from pyinfra.api.state import State, StateStage
from pyinfra.connectors.fake import FakeConnector
from pyinfra.connectors.util import CommandOutput, OutputLine
from pyinfra.context import ctx_config, ctx_state

from orchestrator import __version__
from orchestrator.config import Settings, load
from orchestrator.config.applied import text
from orchestrator.fleet import Fleet
from orchestrator.model import Color
from orchestrator.provision.render import schedule_scripts, schedule_units, worker_scripts, worker_units
from orchestrator.run import data_plane
from orchestrator.source import push
from orchestrator.survey import wanted
from tests.fakes.git import GIT, git

BIN = Path(__file__).parent / "bin"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:$PATH"
GUARD = Path(__file__).parents[2] / "orchestrator" / "provision" / "templates" / "guard"


class World:
    """A fleet: a directory for each host, a git repository as origin, and the answers of the switch's addresses."""

    def __init__(self, path: Path, nodes: int = 3, balancers: tuple[str, ...] = ("haproxy", "nginx")) -> None:
        self.path = path
        self.nodes = [f"node{number}" for number in range(1, nodes + 1)]
        self.balancers = list(balancers)
        self.origin = path / "origin"
        self.commands: list[tuple[str, str]] = []
        self.down: set[str] = set()
        self._turns = itertools.count()
        self._make_origin()
        for name in self.nodes:
            self._provision_node(name)
        for name in self.balancers:
            self._provision_balancer(name)

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "app": "shop",
            "source": {"origin": str(self.origin), "ref": "main"},
            "switches": [{"kind": name, "group": name, "urls": [f"http://{name}.test/"]} for name in self.balancers],
            "marker": {"answers": "all", "token": "secret-token"},
            "shared": {"directories": ["storage"]},
            # each worker is warmed by a request, which starts a process here
            "php": {"workers": 2},
            "gate": {"deadline": 0.3, "interval": 0.05, "successes": 2},
            "probe": {"enabled": False},
            "room": {"disk_mb": 1, "inodes": 1, "memory_mb": 1},
            "drain": {"limit": 0.5},
            # all fake hosts share one thread: on a busy machine, each of them waits for all others
            "deadlines": {"verify": 0.4, "look": 60},
            "keep": 3,
        }

    def fleet(self, settings: Settings | None = None, provisioned: bool = True) -> Fleet:
        """A fleet with a new pyinfra state, as in a new process.

        + provisioned: whether the hosts were provisioned with these settings
        """
        hosts = {
            name: {"address": name, "fake_delay": 0, "fake_delay_jitter": 0} for name in self.nodes + self.balancers
        }
        groups = {"nodes": self.nodes, **{name: [name] for name in self.balancers}}
        everyone = [(f"@fake/{name}", data) for name, data in hosts.items()]
        named: dict[str, Any] = {
            group: ([(f"@fake/{name}", {}) for name in names], {}) for group, names in groups.items()
        }
        inventory = Inventory((everyone, {}), **named)
        for host in inventory:
            host.name = host.name.removeprefix("@fake/")
        inventory.hosts = {host.name: host for host in inventory.hosts.values()}
        state = State(inventory, Config())
        ctx_state.set(state)
        ctx_config.set(state.config)
        connect_all(state)
        for host in inventory:
            host.connected = host.name not in self.down
        state.set_stage(StateStage.Execute)
        state.is_executing = True
        fleet = Fleet(state, settings or load(self.settings))
        if provisioned:
            for name, found in wanted(fleet).items():
                self.digests(name).parent.mkdir(parents=True, exist_ok=True)
                self.digests(name).write_text(text(__version__, found))
        return fleet

    def digests(self, name: str) -> Path:
        """The file in which provisioning leaves the digests of the settings."""
        return self.path / name / "etc/orchestrator/shop/provisioned"

    def text_of(self, connector: FakeConnector, command: StringCommand | str, arguments: dict[str, Any]) -> str:
        """Return the text of a command of the engine.

        + arguments: pyinfra's arguments for the command
        """
        return command if isinstance(command, str) else command.get_raw_value()

    def answer(self, connector: FakeConnector, command: str, stdin: str = "") -> tuple[bool, CommandOutput]:
        """Run a command as the host would, in the host's directory."""
        name = connector.host.name
        self.commands.append((name, command))
        if name in self.down:
            return False, CommandOutput([])
        done = self.perform(name, command, stdin)
        return done.returncode == 0, output(done.stdout, done.stderr)

    def perform(self, name: str, command: str, stdin: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the directory of a host."""
        root = self.path / name
        moved = (
            # the stand-ins come before the real programs
            command.replace(PATH, "$PATH")
            .replace("/srv/shop", f"{root}/srv/shop")
            .replace("/var/lib/orchestrator", f"{root}/var/lib/orchestrator")
            .replace("/etc/orchestrator", f"{root}/etc/orchestrator")
            .replace("/usr/local/lib/orchestrator", f"{root}/usr/local/lib/orchestrator")
            .replace("/etc/systemd/system", f"{root}/etc/systemd/system")
            .replace("/run/orchestrator", f"{root}/run/orchestrator")
            .replace("/usr/bin/systemctl", "systemctl")
            .replace("/usr/bin/cgi-fcgi", f"{BIN}/cgi-fcgi")
        )
        return subprocess.run(
            ["sh", "-c", moved],
            input=stdin,
            capture_output=True,
            text=True,
            env={
                **os.environ,
                **GIT,
                "PATH": f"{BIN}:{os.environ['PATH']}",
                "HOST_ROOT": str(root),
                "HOST_NAME": name,
                "WORLD": str(self.path),
            },
        )

    # The state of the fleet

    def weight(self, balancer: str) -> int:
        """Green's weight in the data plane of a balancer."""
        if balancer == "haproxy":
            return int((self.path / balancer / "running").read_text())
        return int(os.readlink(self.path / balancer / "var/lib/orchestrator/shop/weight").rpartition("/")[2])

    def release(self, node: str, color: Color) -> str | None:
        link = self.root(node) / color / "release"
        return os.readlink(link).rpartition("/")[2] if link.is_symlink() else None

    def live_release(self, node: str) -> str | None:
        return self.release(node, Color(self.live(node)))

    def live(self, node: str) -> str:
        return os.readlink(self.root(node) / "live")

    def releases(self, node: str) -> list[str]:
        return sorted(path.name for path in (self.root(node) / "releases").iterdir())

    def root(self, node: str) -> Path:
        return self.path / node / "srv/shop"

    def snapshot(self) -> dict[str, Any]:
        """Everything that a failed run must leave unchanged, except for the mirror."""
        return {
            name: (
                {
                    "live": self.live(name),
                    "releases": self.releases(name),
                    **{color.value: self.release(name, color) for color in Color},
                }
            )
            for name in self.nodes
        } | {name: self.weight(name) for name in self.balancers}

    def ask(self, url: str, token: str, timeout: float = 5.0, *more: object) -> data_plane.Answer:
        """The answer of an address of the switch."""
        balancer = url.split("//")[1].split(".")[0]
        if balancer in self.nodes:
            return data_plane.Answer(self.live_release(balancer), None)
        # of any 20 answers in a row, 1 comes from green at 5%, and 5 at 25%
        turn = next(self._turns)
        color = Color.green if 5 * turn % 100 < self.weight(balancer) else Color.blue
        release = next((self.release(node, color) for node in self.nodes if node not in self.down), None)
        return data_plane.Answer(release, None if release else "status 503")

    # Faults that a test causes

    def break_(self, host: str, what: str) -> None:
        path = self.path / host / "broken"
        path.mkdir(exist_ok=True)
        (path / what).touch()
        program = self.path / host / "usr/local/lib/orchestrator/shop" / what
        if program.exists():
            # what a former program has checked does not count for another program
            program.touch()

    def mend(self, host: str) -> None:
        shutil.rmtree(self.path / host / "broken", ignore_errors=True)

    # How the fleet is made

    def _make_origin(self) -> None:
        self.origin.mkdir(parents=True)
        git(self.origin, "init", "-q", "-b", "main")
        for version in ("v1", "v2"):
            (self.origin / "public").mkdir(exist_ok=True)
            (self.origin / "storage").mkdir(exist_ok=True)
            (self.origin / "storage/.gitignore").write_text("*\n")
            (self.origin / "public/index.php").write_text(f"<?php echo '{version}';\n")
            git(self.origin, "add", "-A", "-f")
            git(self.origin, "commit", "-q", "-m", version)
            git(self.origin, "tag", version)

    def install_workers(self, settings: Settings) -> None:
        """Install the units and programs of workers and schedules on each node, as provisioning does."""
        for name in self.nodes:
            root, library = self.path / name, self.path / name / "usr/local/lib/orchestrator/shop"
            for path, unit in (worker_units(settings) | schedule_units(settings)).items():
                (root / path.removeprefix("/")).parent.mkdir(parents=True, exist_ok=True)
                (root / path.removeprefix("/")).write_text(unit)
            scripts = schedule_scripts(settings) | worker_scripts(settings, f"{root}/etc/systemd/system")
            for script, body in {**scripts, "said": '#!/bin/sh\necho "$1 says: no queue"\n'}.items():
                moved = body.replace("/srv/shop", f"{root}/srv/shop")
                (library / script).write_text(moved.replace("/usr/local/lib/orchestrator", str(library.parent)))
                (library / script).chmod(0o755)

    def tick(self, node: str, name: str, on: str) -> str:
        """Run the program `tick`, as systemd does at each time of a schedule. Returns the output.

        + on: ``one`` or ``each``, as in the unit of the schedule
        """
        root = self.path / node
        runtime = root / f"run/orchestrator/shop-schedule-{name}"
        runtime.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            ["sh", str(root / "usr/local/lib/orchestrator/shop/tick"), name, on],
            env={"PATH": os.environ["PATH"], "RUNTIME_DIRECTORY": str(runtime)},
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.strip()

    def workers(self, node: str) -> dict[str, list[str]]:
        """The processes of the workers that run on a node: color -> names with numbers."""
        units = [path.name.removeprefix("shop-") for path in (self.path / node / "systemd").glob("shop-*@*.service")]
        found: dict[str, list[str]] = {color.value: [] for color in Color}
        for unit in sorted(units):
            color, _, rest = unit.partition("-")
            found[color].append(rest.removesuffix(".service"))
        return found

    def install_page(self) -> None:
        """Install the page of maintenance on each balancer, as provisioning does."""
        for name in self.balancers:
            etc = self.path / name / "etc/orchestrator/shop"
            etc.mkdir(parents=True, exist_ok=True)
            (etc / "maintenance.html").write_text("back soon\n")
            (etc / "page.map").write_text("page off\n")
            (self.path / name / "page").write_text("off\n")

    def page(self, balancer: str) -> bool:
        """Whether a balancer sends the page of maintenance. A balancer that has the page in two places must agree."""
        root = self.path / balancer
        if balancer != "haproxy":
            return (root / "var/lib/orchestrator/shop/page").exists()
        now, kept = (root / "page").read_text().split()[-1], (root / "etc/orchestrator/shop/page.map").read_text()
        assert kept == f"page {now:>3}\n"
        return now == "on"

    def _provision_node(self, name: str) -> None:
        root = self.root(name)
        for directory in ("releases", "shared/storage", "blue/run", "green/run", "guard"):
            (root / directory).mkdir(parents=True)
        (root / "live").symlink_to("blue")
        self._library(name)
        units = self.path / name / "systemd"
        units.mkdir()
        for color in Color:
            (units / f"shop-{color}.target").write_text("0\n")

    def _provision_balancer(self, name: str) -> None:
        state = self.path / name / "var/lib/orchestrator/shop"
        (state / "guard").mkdir(parents=True)
        for weight in range(101):
            (state / "weights" / str(weight)).mkdir(parents=True)
        (state / "weight").symlink_to("weights/0")
        (state / "weights.map").write_text("green 0\n")
        (self.path / name / "running").write_text("0\n")
        units = self.path / name / "systemd"
        units.mkdir()
        (units / "nginx").write_text("0\n")
        self._library(name)

    def _library(self, name: str) -> None:
        library = self.path / name / "usr/local/lib/orchestrator/shop"
        library.mkdir(parents=True)
        shutil.copy(GUARD, library / "guard")
        (library / "guard").chmod(0o755)
        (library / "used").write_text(f"#!/bin/sh\ncat {self.path / name}/used 2>/dev/null; true\n")
        (library / "used").chmod(0o755)
        (library / "own").write_text("#!/bin/sh\nexit 0\n")
        (library / "own").chmod(0o755)
        broken = self.path / name / "broken/check-stack"
        (library / "check-stack").write_text(
            f"#!/bin/sh\n[ ! -e {broken} ] || {{ echo 'unknown directive' >&2; exit 1; }}\n"
        )
        (library / "check-stack").chmod(0o755)
        releases = self.path / name / "srv/shop/releases"
        left_out = "--exclude=$1/.git --exclude=$1/.release/checked"
        (library / "pack").write_text(f"#!/bin/sh\nexec tar -C {releases} {left_out} -c $1\n")
        (library / "pack").chmod(0o755)
        # the real bar uses the firewall; here it is a list, which the fake `curl` respects
        barred = self.path / name / "barred"
        (library / "bar").write_text(
            "#!/bin/sh\n"
            f"[ $1 != list ] || {{ cat {barred} 2>/dev/null; exit 0; }}\n"
            f"grep -vxF $1 {barred} > {barred}.new 2>/dev/null; [ $2 = off ] || echo $1 >> {barred}.new\n"
            f"mv {barred}.new {barred}\n"
        )
        (library / "bar").chmod(0o755)


def output(stdout: str, stderr: str) -> CommandOutput:
    """Return the lines that a command has printed, as pyinfra returns them."""
    lines = [OutputLine("stdout", line) for line in stdout.splitlines()]
    lines += [OutputLine("stderr", line) for line in stderr.splitlines()]
    return CommandOutput(lines)


def connect(made: World, put: Callable[[Any, str, Any], None]) -> None:
    """Make pyinfra's fake connector run commands in a world, and let the world answer the requests of this process.

    + put: sets an attribute of a class or module, as `setattr` or ``monkeypatch.setattr``
    """

    def run(
        self: FakeConnector,
        command: str | StringCommand,
        print_output: bool = False,
        print_input: bool = False,
        **arguments: Any,
    ) -> tuple[bool, CommandOutput]:
        stdin = arguments.get("_stdin") or ""
        text = made.text_of(self, command, arguments)
        gevent.sleep(0)
        return made.answer(self, text, str(stdin))

    def moved(self: FakeConnector, remote: str) -> Path:
        return made.path / self.host.name / remote.removeprefix("/")

    put(FakeConnector, "run_shell_command", run)
    put(FakeConnector, "get_file", lambda self, remote, local: shutil.copy(moved(self, remote), local))
    # as with SFTP, an existing file keeps its mode
    put(FakeConnector, "put_file", lambda self, local, remote: shutil.copyfile(local, moved(self, remote)))
    # rsync is real as well, and needs no SSH for a directory
    put(push, "problem", lambda host: None)
    put(push, "reach", lambda host: ([], str(made.path / host.name)))
    put(data_plane, "ask", made.ask)
    put(data_plane, "addresses", lambda url: ("192.0.2.1",))
