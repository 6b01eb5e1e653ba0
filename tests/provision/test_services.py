"""The scripts that run a color's services, run for real: a service's environment, and when it counts as started."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from orchestrator.config import load
from orchestrator.provision import render
from orchestrator.provision.facts import ReleasedServices

RELEASE = "20260101T120000Z-abcdef0"
STACK = ".release/stack"


@pytest.fixture
def node(tmp_path: Path) -> Path:
    """A node whose blue color has a release with a program."""
    bin_directory = tmp_path / "srv/releases" / RELEASE / "bin"
    bin_directory.mkdir(parents=True)
    program = bin_directory / "tell"
    program.write_text('#!/bin/sh\necho "$PPID $RELEASE $COLOR $SOCKET $(pwd) $*"\n')
    program.chmod(0o755)
    for color in ("blue", "green"):
        (tmp_path / "srv" / color / "run").mkdir(parents=True)
    (tmp_path / "srv/blue/release").symlink_to(f"../releases/{RELEASE}")
    (tmp_path / "srv/releases" / RELEASE / STACK).mkdir(parents=True)
    (tmp_path / "serve").write_text(render._render("serve.j2", root=f"{tmp_path}/srv", stack=STACK))
    (tmp_path / "answers").write_text(render._render("answers.j2", stack=STACK))
    return tmp_path


def serve(
    node: Path, command: str, color: str = "blue", *more: str, seconds: float = 5
) -> subprocess.CompletedProcess[str]:
    (node / "srv/releases" / RELEASE / STACK / "service-ws").write_text(command + "\n")
    return subprocess.run(
        ["sh", str(node / "serve"), color, "ws", *more], capture_output=True, text=True, cwd="/", timeout=seconds
    )


def test_a_service_runs_in_the_colors_release_and_knows_it(node: Path) -> None:
    done = serve(node, "bin/tell a 'b  c' \"$COLOR\"")
    home = node / "srv/releases" / RELEASE
    wanted = [str(os.getpid()), RELEASE, "blue", f"{node}/srv/blue/run/ws.sock", str(home), "a", "b  c blue"]
    # the process is the service itself: there is no shell between it and systemd
    assert done.stdout == " ".join(wanted) + "\n", done.stderr


def test_a_service_with_a_port_has_no_socket(node: Path) -> None:
    done = serve(node, "sh -c 'echo $PORT ${SOCKET-none}'", "blue", "9001")
    assert done.stdout == "9001 none\n", done.stderr


def says(node: Path, where: str, color: str = "blue", name: str = "ws") -> None:
    """The release says where a service of a color listens."""
    (node / "srv/releases" / RELEASE / STACK / f"listen-{color}-{name}").write_text(f"{where}\n")


@pytest.mark.parametrize("unit", [[], ["9001"]])
@pytest.mark.parametrize("port", [True, False])
def test_a_service_listens_where_the_release_says(node: Path, unit: list[str], port: bool) -> None:
    stale = node / "srv/blue/run/ws.sock"
    stale.touch()
    says(node, "9101" if port else str(stale))
    for color, name in (("green", "ws"), ("blue", "blue-ws"), ("blue", "w")):
        says(node, "9", color, name)
    done = serve(node, "sh -c 'echo ${PORT-none} ${SOCKET-none}'", "blue", *unit)
    assert done.stdout == ("9101 none\n" if port else f"none {stale}\n"), done.stderr
    # a service cannot bind a socket that exists
    assert stale.exists() == port


@pytest.mark.parametrize("command", ["bin/none --port 1", "no-such-program"])
def test_a_release_without_the_command_is_a_clear_line(node: Path, command: str) -> None:
    done = serve(node, command)
    assert done.returncode == 127
    assert done.stderr == f"release {RELEASE} has no command {command.split()[0]}\n"


def test_a_release_that_has_no_such_service_says_so_and_waits(node: Path) -> None:
    with subprocess.Popen(["sh", str(node / "serve"), "blue", "queue"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == f"release {RELEASE} has no service queue\n"
        assert answers(node, "blue", process.pid, name="queue")[0] == 0
        assert process.poll() is None
        process.kill()


def test_a_color_without_a_release_waits(node: Path) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        serve(node, "bin/tell", "green", seconds=0.5)


def test_a_color_whose_release_is_gone_fails(node: Path) -> None:
    (node / "srv/green/release").symlink_to("../releases/gone")
    done = serve(node, "bin/tell", "green")
    assert done.returncode == 1
    assert "green's release is not on this node" in done.stderr


class Server:
    """A server that begins to listen after a while, and answers."""

    def __init__(self, path: Path, after: float, answer: bytes) -> None:
        self._path, self._after, self._answer = path, after, answer
        self.listening: float | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        time.sleep(self._after)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(self._path))
            listener.listen()
            self.listening = time.monotonic()
            listener.settimeout(60)
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(self._answer)
                self._over.wait(60)

    def end(self) -> None:
        """Close the connection, which is open until then."""
        self._over.set()
        self._thread.join()


def answers(node: Path, color: str, pid: int, where: str = "", name: str = "ws") -> tuple[int, float]:
    """Run the script for a service; without a name as units of an earlier version do."""
    (node / "srv/releases" / RELEASE / STACK / "service-ws").touch()
    release = str(node / "srv" / color / "release")
    words = ["sh", str(node / "answers"), where or str(node / "s"), "/ws", release, *([color, name] if name else [])]
    done = subprocess.run(words, env=os.environ | {"MAINPID": str(pid)}, timeout=60)
    return done.returncode, time.monotonic()


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n",  # and the answer never ends
    ],
)
def test_a_service_counts_as_started_when_it_answers(node: Path, answer: bytes) -> None:
    server = Server(node / "s", 0.3, answer)
    status, ended = answers(node, "blue", os.getpid())
    assert status == 0
    assert server.listening is not None
    assert server.listening < ended
    server.end()


def test_a_process_that_ended_will_not_answer(node: Path) -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    assert answers(node, "blue", process.pid)[0] == 1


def test_a_color_without_a_release_has_nothing_to_answer(node: Path) -> None:
    assert answers(node, "green", os.getpid())[0] == 0


@pytest.mark.parametrize(("where", "name"), [("{port}", "ws"), ("{port}", ""), ("9", "ws"), ("/no/socket", "ws")])
def test_a_service_on_a_port_counts_as_started_when_it_answers(node: Path, where: str, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        if where != "{port}":
            says(node, str(port))

        listener.settimeout(60)
        asked: list[bytes] = []

        def serve_one() -> None:
            connection, _ = listener.accept()
            with connection:
                asked.append(connection.recv(65536))
                connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=serve_one, daemon=True)
        thread.start()
        assert answers(node, "blue", os.getpid(), where.format(port=port), name)[0] == 0
        assert [line[:8] for line in asked] == [b"GET /ws "]
        thread.join()


@pytest.mark.parametrize("root", ["srv", "srv/", "link"])
def test_a_process_runs_the_code_of_its_directory_and_start(node: Path, root: str) -> None:
    (node / "link").symlink_to("srv")
    script = node / "runs"
    settings = load(
        {
            "app": "shop",
            "root": f"{node}/{root}",
            "user": node.owner(),
            "source": {"origin": "git@origin:shop.git"},
            "switches": [{"kind": "node", "urls": ["http://127.0.0.1:8080"]}],
            "marker": {"answers": "all"},
        },
        # the directory and the user of a test would be refused
        recorded=True,
    )
    script.write_text(render.runs(settings))
    systemctl = node / "systemctl"
    began = time.time()
    with subprocess.Popen(["sleep", "60"], cwd=node / "srv/releases" / RELEASE / "bin") as process:
        systemctl.write_text(f"#!/bin/sh\n[ $5 = shop-blue-web.service ] && echo {process.pid}\n")
        systemctl.chmod(0o755)
        environment = {**os.environ, "PATH": f"{node}:{os.environ['PATH']}"}
        words = ["sh", str(script), "shop-blue-web.service"]
        done = subprocess.run(words, capture_output=True, text=True, env=environment)
        process.kill()
    said = json.loads(done.stdout)
    assert said["release"] == RELEASE
    assert said["master"]["pid"] == process.pid
    assert abs(said["master"]["started"] - began) < 5
    assert subprocess.run([*words[:2], "other.service"], env=environment).returncode == 1


TRACE = """NOTICE: PHP message: PHP Fatal error:  Uncaught RuntimeException: no in /x.php:2
Stack trace:
#0 {main}
  thrown in /x.php on line 2"""


@pytest.mark.parametrize(
    ("lines", "stopped", "last", "line"),
    [
        (TRACE, "", "456def", "PHP Fatal error:  Uncaught RuntimeException: no in /x.php:2\n"),
        ("starting\nno database", "", "456def", "no database\n"),
        # systemd has started the service again, and the new process has printed nothing yet
        ("", "", "456def", "cannot bind\n"),
        ("", "456def", "456def", "bad option\n"),
        # the former process was stopped: its last line is not the reason
        ("", "456def\n789abc", "456def", ""),
        # systemd had forgotten the start when the journal had the line
        ("", "", "", "no such file\n"),
        ("", "456def\n789abc", "", "no such file\n"),
    ],
)
def test_a_unit_s_lines_are_those_of_its_last_start(
    tmp_path: Path, lines: str, stopped: str, last: str, line: str
) -> None:
    entries = "".join(
        f"__CURSOR=s\n_PID={number}\n" + (f"_SYSTEMD_INVOCATION_ID={run}\n" if run else "") + "\n"
        for number, run in enumerate((last, "456def", "789abc"), start=40)
    )
    (tmp_path / "entries").write_text(entries)
    for name, text in (("lines", lines), ("stopped", stopped)):
        (tmp_path / name).write_text(text + "\n" if text else "")
    fakes = {
        "systemctl": '[ "$5" = x.service ] && echo 0123abc',
        "journalctl": f"""case "$*" in
            *_SYSTEMD_INVOCATION_ID=0123abc*) cat {tmp_path}/lines ;;
            *_SYSTEMD_INVOCATION_ID=456def*) echo cannot bind ;;
            *_SYSTEMD_INVOCATION_ID=789abc*) echo bad option ;;
            *MESSAGE_ID=*) cat {tmp_path}/stopped ;;
            *"_SYSTEMD_UNIT=x.service _PID=40") echo no such file ;;
            *_SYSTEMD_UNIT=x.service) cat {tmp_path}/entries ;;
            esac""",
    }
    for name, text in fakes.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    words = ["sh", str(render.TEMPLATES / "said"), "x.service"]
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    assert subprocess.run(words, env=environment, capture_output=True, text=True).stdout == line


def test_a_node_knows_the_services_of_its_releases(node: Path) -> None:
    target = node / "shop-blue.target"
    for release, names in ((RELEASE, ("ws", "chat", "gone", "other", "no name")), ("later", ("ws", "UPPER", "*"))):
        stack = node / "srv/releases" / release / STACK
        stack.mkdir(parents=True, exist_ok=True)
        for name in names:
            (stack / f"service-{name}").touch()
    for name in ("ws", "chat", "new", "no name", "UPPER", "*"):
        (node / f"shop-blue-{name}.service").write_text("[Unit]\nPartOf=shop-blue.target\n")
    # the unit of another application
    (node / "shop-blue-other.service").write_text("[Unit]\nPartOf=shop-blue-green.target\n")
    command = ReleasedServices().command(root=f"{node}/srv", target=str(target)).get_raw_value()
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert (ReleasedServices().process(done.stdout.splitlines()), done.stderr) == (["chat", "ws"], "")
