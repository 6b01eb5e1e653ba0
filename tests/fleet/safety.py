"""The state that a failed, stopped or refused command must leave unchanged, and how tests compare it."""

from __future__ import annotations

import fcntl
import os
import re
import select
import shlex
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fleet as tool
import fleet_origin
import pytest

from orchestrator.probe.process import ProbeProcess
from tests.fleet import commands
from tests.fleet.running import PYINFRA, ROOT, Fleet, Shape

JOURNAL = "/var/lib/orchestrator/shop/journal"

NODE = """
cd /srv/shop
echo "live=$(readlink live)"
for color in blue green; do
    echo "$color=$(readlink $color/release) started $(cut -d' ' -f1 $color/started)"
    echo "$color runs=$(systemctl is-active shop-$color.target shop-$color-fpm.service | tr '\\n' ' ')"
done
echo "releases=$(ls -A releases | tr '\\n' ' ')"
echo "half=$(find . -maxdepth 2 -name '*.new' -o -maxdepth 2 -name '.*.part*' | sort | tr '\\n' ' ')"
echo "master=$(systemctl show -p MainPID --value shop-$(readlink live)-fpm.service)"
"""

BARRED = """
        echo "barred=$(/usr/local/lib/orchestrator/shop/bar list | tr '\\n' ' ')"
        """
BALANCERS = {
    "haproxy": """
        cd /var/lib/orchestrator/shop
        echo "kept=$(awk '{ print $1, $2 }' weights.map)"
        socket=unix-connect:/run/haproxy/shop.sock
        echo "running=$(echo "show map $PWD/weights.map" | socat stdio $socket | awk '$2 { print $2, $3 }')"
        """
    + BARRED,
    "nginx": """
        echo "weight=$(readlink /var/lib/orchestrator/shop/weight)"
        """
    + BARRED,
}


@dataclass(frozen=True)
class Snapshot:
    """The state of every server: links, releases, processes, weights."""

    said: dict[str, dict[str, str]]

    @property
    def live(self) -> str:
        """The color with the traffic."""
        return {"0": "blue", "100": "green"}[self.said["nginx"]["weight"].rpartition("/")[2]]

    @property
    def idle(self) -> str:
        return {"blue": "green", "green": "blue"}[self.live]

    def release(self, color: str, node: str = "node1") -> str:
        """The release of a color on a node."""
        return self.said[node][color].split()[0].rpartition("/")[2]

    @property
    def ready(self) -> bool:
        """Whether there are two releases, both are warm on every node, and the links follow the traffic."""
        nodes = [said for name, said in self.said.items() if name not in BALANCERS]
        return all(
            said["live"] == self.live
            and len({said["blue"], said["green"]}) == 2
            and all(re.fullmatch(r"\.\./releases/(\S+) started \1", said[color]) for color in ("blue", "green"))
            and all(said[f"{color} runs"].split() == ["active"] * 2 for color in ("blue", "green"))
            for said in nodes
        )

    def but(self, *nodes: str) -> Snapshot:
        """The snapshot without these nodes."""
        return Snapshot({name: said for name, said in self.said.items() if name not in nodes})

    def barring(self, node: str) -> Snapshot:
        """The snapshot with this node barred at both balancers."""
        barred = {name: self.said[name] | {"barred": f"{node} "} for name in BALANCERS}
        return Snapshot(self.said | barred)


def snapshot(fleet: Fleet) -> Snapshot:
    """Take a snapshot without SSH, which a test may have broken."""
    looks = {node["name"]: NODE for node in fleet.nodes} | BALANCERS

    def look(server: str) -> dict[str, str]:
        done = fleet.exec(server, looks[server])
        assert done.returncode == 0, done.stderr
        return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)

    with ThreadPoolExecutor(len(looks)) as pool:
        return Snapshot(dict(zip(looks, pool.map(look, looks), strict=True)))


class Run:
    """A pyinfra command in the background, whose output can be waited for.

    + inventory: instead of the fleet's own
    + terminal: it has one, its own; `hang_up` takes it away
    + question: only its standard input is a terminal
    + environment: more of its environment, such as that of inventory/fleet.py
    """

    def __init__(
        self,
        fleet: Fleet,
        *words: str,
        inventory: Path | str = "inventory/fleet.py",
        terminal: bool = False,
        question: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.lines: list[str] = []
        self._news = threading.Condition()
        self._ended = self._hung_up = False
        self._master: int | None = None
        slave: int | None = None
        if terminal or question:
            self._master, slave = os.openpty()
        command = [str(PYINFRA), str(inventory), *words]
        variables = fleet.env | {"PYINFRA_PROGRESS": "off", "COLUMNS": "200", **(environment or {})}
        self._process: subprocess.Popen[bytes] | commands.Process
        if terminal:
            assert self._master is not None
            # pyinfra looks for a terminal while it is imported, so the fork server cannot start this command
            self._process = subprocess.Popen(
                # under nohup the tests ignore SIGHUP, and an ignored signal is inherited
                ["env", "--default-signal=HUP", *command],
                cwd=ROOT,
                env=variables,
                stdin=slave,
                stdout=slave,
                stderr=slave,
                start_new_session=True,
                preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            )
            self._output = os.dup(self._master)
        else:
            self._output, printed = os.pipe()
            self._process = commands.start(
                command, directory=ROOT, environment=variables, stdin=slave, output=printed, errors=printed
            )
            os.close(printed)
        if slave is not None:
            os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def text(self) -> str:
        with self._news:
            return "\n".join(self.lines)

    def wait_for(self, beginning: str, seconds: float = 60) -> None:
        """Wait until a line begins so, leading blanks aside."""
        deadline = time.monotonic() + seconds

        def seen() -> bool:
            return any(line.strip().startswith(beginning) for line in self.lines)

        with self._news:
            while not seen():
                left = deadline - time.monotonic()
                assert left > 0, f"no line {beginning!r} in time:\n" + "\n".join(self.lines)
                assert not self._ended, f"no line {beginning!r}:\n" + "\n".join(self.lines)
                self._news.wait(left)

    def signal(self, number: int) -> None:
        """Send a signal to the whole process group, as a terminal does."""
        os.killpg(self._process.pid, number)

    def answer(self, text: str) -> None:
        """Type at the command's terminal."""
        assert self._master is not None
        os.write(self._master, text.encode())

    def resize(self, rows: int, columns: int) -> None:
        """Change the size of the command's terminal."""
        assert self._master is not None
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def hang_up(self) -> None:
        """Close the terminal, or the pipe that the output goes to: from now on the command cannot write."""
        # the reader closes it: a file is not closed while another thread reads from it
        self._hung_up = True
        self._reader.join(5)

    def end(self, seconds: float = 120) -> int:
        """Wait for the end. Returns the exit status, 128 + n after signal n."""
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still runs after {seconds} s:\n{self.text}") from None
        self._reader.join(5)
        if self._master is not None:
            os.close(self._master)
            self._master = None
        return code if code >= 0 else 128 - code

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)

    def _read(self) -> None:
        unread, data = b"", b" "
        while data and not self._hung_up:
            if not select.select([self._output], [], [], 0.05)[0]:
                continue
            try:
                data = os.read(self._output, 65536)
            except OSError:  # how the end of a terminal looks
                data = b""
            *whole, unread = (unread + data).split(b"\n")
            with self._news:
                self.lines += [_plain(line) for line in whole]
                self._news.notify_all()
        os.close(self._output)
        if self._hung_up and self._master is not None:
            os.close(self._master)
            self._master = None
        with self._news:
            self.lines += [_plain(unread)] if unread else []
            self._ended = True
            self._news.notify_all()


def _plain(line: bytes) -> str:
    return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", line.decode()).rstrip()


def words(verb: str, **data: str) -> list[str]:
    """``deploys/<verb>.py -y --data ...``"""
    return [f"deploys/{verb}.py", "-y", *(word for key, value in data.items() for word in ("--data", f"{key}={value}"))]


def copy_of_inventory(folder: Path, **settings: Any) -> Path:
    """Write a copy of inventory/fleet.py with other settings."""
    text = (ROOT / "inventory/fleet.py").read_text()
    before, at, after = text.partition("\ndef _host(")
    assert at
    file = folder / "fleet.py"
    file.write_text(f"{before}_settings.update({settings!r})\n\n{at}{after}")
    return file


class Calm:
    """A fleet with a release in each color, under traffic through both balancers. No request may fail."""

    def __init__(self, fleet: Fleet, before: Snapshot, probe: ProbeProcess) -> None:
        self.fleet = fleet
        self.before = before
        self.probe = probe

    def untouched(self, *unreachable: str) -> None:
        """Assert that every server is as before, the lock is free, and no command of a run is left.

        + unreachable: nodes that nobody could have mended
        """
        assert snapshot(self.fleet).but(*unreachable).said == self.before.but(*unreachable).said
        self.lock_is_free()
        for node in self.fleet.nodes:
            if node["name"] not in unreachable:
                self.nothing_runs(node["name"])

    def lock_is_free(self) -> None:
        held = self.fleet.exec("haproxy", f"cat {JOURNAL}/lock")
        assert held.returncode != 0, held.stdout

    def nothing_runs(self, node: str) -> None:
        """Assert that no command that changes a node is left, and that commands that only look end within moments."""
        guard = self.fleet.exec(node, "flock -n /srv/shop/guard/lock true")
        assert guard.returncode == 0, f"a command still holds {node}"
        deadline = time.monotonic() + 6
        while lines := self._commands(node):
            assert time.monotonic() < deadline, f"{node} still runs {lines}"
            time.sleep(0.2)

    def _commands(self, node: str) -> list[str]:
        # ending sessions and systemd's processes for a user do not count
        lines = self.fleet.exec(node, "ps -u deploy -o args=").stdout.splitlines()
        return [line for line in lines if not re.match(r"sshd:|/lib/systemd/systemd|\(sd-pam\)|\(systemd\)", line)]

    def roll_back(self, inventory: Path | str = "inventory/fleet.py") -> Run:
        """Roll back: the idle color gets the traffic with the release that it had before."""
        run = Run(self.fleet, *words("rollback"), inventory=inventory)
        assert run.end() == 0, run.text
        after, before = snapshot(self.fleet), self.before
        assert after.live == before.idle, run.text
        for color in ("blue", "green"):
            assert after.release(color) == before.release(color), run.text
        assert f"done: {before.release(before.idle)} ({before.idle}) has all the traffic" in run.text
        self.lock_is_free()
        return run

    def no_request_failed(self, *releases: str) -> None:
        """Assert that no request has failed since the test began.

        + releases: those that alone may have answered
        """
        report = self.probe.stop()
        totals = report.totals
        assert totals.failed == 0, totals.examples
        assert report.unfinished == 0
        assert set(totals.kinds) == {"keepalive", "fresh", "post", "slow"}
        assert {self.fleet.haproxy_url, self.fleet.nginx_url} == {url.rstrip("/") for url in totals.targets}
        if releases:
            assert set(totals.releases) <= set(releases)


@contextmanager
def traffic(fleet: Fleet) -> Iterator[ProbeProcess]:
    urls = [fleet.haproxy_url, fleet.nginx_url]
    mix = ("keepalive", "fresh", "post", "slow")
    with ProbeProcess(urls, rate=40, connections=8, mix=mix, slow_seconds=1, require_marker=True) as probe:
        yield probe


@pytest.fixture
def before(fleet: Fleet, shape: Shape) -> Snapshot:
    """The state before the test, with a release in each color, so that a rollback is possible."""
    try:
        found = snapshot(fleet)
        if found.ready:
            return found
    except KeyError:  # there is no release yet
        pass
    for ref in ("v1", "v2"):
        done = fleet.pyinfra(*words("release", ref=ref), environment=shape)
        assert done.returncode == 0, done.stderr
    found = snapshot(fleet)
    assert found.ready, found
    return found


@pytest.fixture
def calm(fleet: Fleet, before: Snapshot) -> Iterator[Calm]:
    """The fleet under traffic, with a release to roll back to."""
    with traffic(fleet) as probe:
        yield Calm(fleet, before, probe)


# --- versions of the application that the origin has only in these tests ---


@pytest.fixture(scope="session")
def tag(bare_fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], None]], str]:
    """``tag(name, edit)`` pushes an edited version to the origin under a tag, and returns its short revision."""
    folder = tmp_path_factory.mktemp("application")
    fleet_origin.make_repository(folder)
    server = next(s for s in bare_fleet.known["layout"]["servers"] if s["name"] == "origin")
    url = f"ssh://git@127.0.0.1:{server['ports']['ssh']}{tool.REPOSITORY}"
    ssh = {"GIT_SSH_COMMAND": shlex.join(["ssh", *tool.ssh_options(bare_fleet.dir)])}

    def git(*arguments: str) -> str:
        who = ("-c", "user.name=t", "-c", "user.email=t@example.com")
        command = ["git", "-C", str(folder), *who, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | ssh).stdout.strip()

    def make(name: str, edit: Callable[[Path], None]) -> str:
        git("checkout", "-q", "-f", "v2")
        edit(folder)
        git("add", "-A")
        git("commit", "-q", "-m", name)
        git("tag", "-f", name)
        git("push", "-q", "-f", url, name)
        return git("rev-parse", "--short=7", "HEAD")

    return make


def weighty(folder: Path) -> None:
    """Add a megabyte that does not compress, so that a slow network delays the fetch."""
    (folder / "weight.bin").write_bytes(os.urandom(1_000_000))


NARROW = "tc qdisc add dev eth0 root tbf rate 6mbit burst 16kb latency 400ms"
WIDE = "tc qdisc del dev eth0 root"
"""For ``broken("origin", ...)``: a fetch takes seconds."""
