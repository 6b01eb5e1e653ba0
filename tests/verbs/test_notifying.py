"""Notifications of runs on fake hosts, at a real HTTP server that speaks Slack's form and that of a plain webhook."""

from __future__ import annotations

import base64
import html
import json
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from orchestrator import verbs
from orchestrator.config import Settings, load
from orchestrator.fleet import Fleet
from orchestrator.journal.session import who
from orchestrator.notify import courier
from orchestrator.options import Options
from orchestrator.report.terminal import say
from orchestrator.verbs import notifying
from orchestrator.verbs.notifying import secrets_of
from tests.fakes.git import git
from tests.fakes.processes import readable
from tests.fakes.world import World
from tests.run.conftest import _twice, released
from tests.run.faults import before as before_step

__all__ = ["_twice", "released"]

SLACK = "https://hooks.slack.com/services/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"
WEBHOOK_TOKEN = "hush-Webhook-0123456789"
SECRETS = ("T0HUSH001", "B0HUSH002", "hushhushhushhushhushhush", WEBHOOK_TOKEN)

ALL = ["started", "waiting", "succeeded", "failed", "undone", "unsettled"]


class Server(ThreadingHTTPServer):
    """Keeps the requests.

    + refusals: number of requests of each path that get status 500
    + held: while this event is not set, no request gets an answer
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.got: list[tuple[str, Any]] = []
        self.refused: list[str] = []
        self.refusals = 0
        self.held = threading.Event()
        self.held.set()
        self.seen_in_processes: list[str] = []
        self.lock = threading.Lock()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def webhook(self) -> str:
        return f"json://127.0.0.1:{self.port}/hook/{WEBHOOK_TOKEN}"

    def titles(self, path: str = "/hook") -> list[str]:
        return [title_of(body) for where, body in self.got if where.startswith(path)]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        lines = readable("[0-9]*/cmdline")
        with self.server.lock:
            found = [secret for secret in SECRETS for line in lines if secret.encode() in line]
            self.server.seen_in_processes += found
            refused = self.server.refused.count(self.path) < self.server.refusals
            (self.server.refused.append(self.path) if refused else self.server.got.append((self.path, body)))
        self.server.held.wait()
        self.send_response(500 if refused else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    @override
    def log_message(self, *arguments: object) -> None:
        pass


def title_of(body: Any) -> str:
    """The title of a message, in the form of Slack or of a webhook."""
    return str(body["attachments"][0]["title"] if body["attachments"] else body["title"])


def text_of(body: Any) -> str:
    return html.unescape(body["attachments"][0]["text"] if body["attachments"] else body["message"])


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The server, which gets the requests to Slack, too."""
    made = Server()
    threading.Thread(target=made.serve_forever, daemon=True).start()
    sender = (
        "from apprise.plugins.slack import NotifySlack\n"
        f"NotifySlack.webhook_url = 'http://127.0.0.1:{made.port}/services'\n"
        "from orchestrator.notify.__main__ import run\n"
        "run([])"
    )
    monkeypatch.setattr(courier, "COMMAND", [sys.executable, "-c", sender])
    # on a busy machine, the start of the process may take longer than the limit of a real run
    monkeypatch.setattr(courier, "PATIENCE", 60.0)
    monkeypatch.delenv("SLACK_ENDPOINT", raising=False)
    yield made
    made.held.set()
    made.shutdown()
    made.server_close()


def settings(world: World, *notifications: Any, **more: Any) -> Settings:
    return load({**world.settings, "notifications": list(notifications), **more})


def files(path: Path) -> str:
    """The content of all files below a directory."""
    return "\n".join(
        one.read_text(errors="replace") for one in path.rglob("*") if one.is_file() and not one.is_symlink()
    )


@pytest.mark.exhaustive
def test_slack_and_a_webhook_get_one_message_each(
    released: World, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SLACK_ENDPOINT", SLACK)
    monkeypatch.setattr(sys, "argv", ["pyinfra", "inventory/prod.py", "deploys/release.py"])
    for number in range(7):
        git(released.origin, "commit", "-q", "--allow-empty", "-m", f"Change {number}")
    made = settings(released, {"url": "env:SLACK_ENDPOINT", "on": ALL}, {"url": server.webhook}, hooks=LEAK)
    fleet = released.fleet(made)
    assert verbs.release(fleet, Options(ref="main", report=str(tmp_path / "report.json"))) == 0
    live = released.live_release("node1")
    assert server.titles("/services/T0HUSH001/B0HUSH002/hushhushhushhushhushhush") == [
        "shop: release of main has started",
        "shop: release of main succeeded",
    ]
    assert server.titles(f"/hook/{WEBHOOK_TOKEN}") == ["shop: release of main succeeded"]
    bodies = {text_of(body) for _, body in server.got if "succeeded" in title_of(body)}
    # both targets get the same text
    (text,) = bodies
    lines = text.splitlines()
    assert lines[0].startswith(f"release {live} (main, revision ")
    assert " in green; before: 2" in lines[0]
    assert lines[1].startswith(f"by {who()} with inventory/unnamed.py, 3 nodes, ")
    assert lines[2] == "7 new commits since the live release:"
    assert [line[10:] for line in lines[3:8]] == [f"Change {number}" for number in (6, 5, 4, 3, 2)]
    assert lines[8:] == ["  and 2 more", "to go back: orchestrator rollback inventory/unnamed.py"]
    said = "".join(capfd.readouterr())
    assert "ended with status 3: leaked ***" in said
    everything = said + files(released.path) + files(tmp_path) + str(plain(fleet))
    assert [secret for secret in SECRETS if secret in everything] == []
    assert "notification" not in said
    assert server.seen_in_processes == []


LEAK: list[dict[str, Any]] = [
    # a command on the operator's machine has the variable, and its output is hidden
    {"after": "gate", "on": "operator", "run": "echo leaked $SLACK_ENDPOINT >&2; exit 3", "advisory": True}
]


def plain(fleet: Fleet) -> Any:
    return verbs.inputs(fleet, "rollback", Options())[1].to_json()


@pytest.mark.exhaustive
def test_a_message_that_is_refused_is_sent_again(
    released: World, server: Server, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    server.refusals = 1
    monkeypatch.setenv("SLACK_ENDPOINT", SLACK)
    made = settings(released, {"url": "env:SLACK_ENDPOINT"}, {"url": server.webhook})
    assert verbs.release(released.fleet(made), Options(ref="v1")) == 0
    assert sorted(path[:6] for path, _ in server.got) == ["/hook/", "/servi"]
    assert sorted(path[:6] for path in server.refused) == ["/hook/", "/servi"]
    assert "notification" not in capfd.readouterr().err


@pytest.mark.exhaustive
def test_targets_that_do_not_answer_are_warnings(
    released: World, server: Server, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    server.held.clear()
    gone = Server()
    gone.server_close()
    monkeypatch.setenv("GONE", gone.webhook)
    targets = [{"url": server.webhook}, {"url": "env:GONE"}, {"url": f"nonsense://{WEBHOOK_TOKEN}"}]
    assert verbs.release(released.fleet(settings(released, *targets)), Options(ref="v1")) == 0
    # the command has ended, and the server still holds its answer back
    assert not server.held.is_set()
    said = capfd.readouterr().err
    warnings = [line for line in said.splitlines() if "notification to" in line]
    assert warnings[0].startswith("warning: the notification to notifications.0 (json) was not sent: ")
    assert warnings[1].startswith("warning: the notification to env:GONE was not sent: ")
    assert warnings[2] == (
        "warning: the notification to notifications.2 (nonsense) was not sent: Apprise does not know this kind of URL"
    )
    assert WEBHOOK_TOKEN not in said
    assert said.index("has all the traffic") < said.index("notification to")


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("command", "problem"),
    [
        (["/nowhere/python"], "the process that sends messages did not start: No such file or directory"),
        ([sys.executable, "-c", "pass"], "no answer within 60 s"),
        (
            [
                sys.executable,
                "-c",
                "import sys; sys.modules['apprise'] = None; from orchestrator.notify.__main__ import run; run([])",
            ],
            "the package apprise is not installed: pip install 'blue-green-orchestrator[notify]'",
        ),
    ],
    ids=["no process", "a process that ends", "no apprise"],
)
def test_a_sender_that_does_not_work_is_a_warning(
    released: World,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    command: list[str],
    problem: str,
) -> None:
    monkeypatch.setattr(courier, "COMMAND", command)
    assert verbs.release(released.fleet(settings(released, {"url": server.webhook})), Options(ref="v1")) == 0
    assert f"the notification to notifications.0 (json) was not sent: {problem}\n" in capfd.readouterr().err


@pytest.mark.exhaustive
def test_the_end_of_a_run_is_told_once(released: World, server: Server) -> None:
    made = settings(released, {"url": server.webhook, "on": ALL})

    def told(act: Callable[[], object]) -> list[str]:
        del server.got[:]
        act()
        return [title.removeprefix("shop: release of v1 ") for title in server.titles()]

    def fleet() -> Fleet:
        return released.fleet(made)

    assert told(lambda: verbs.release(fleet(), Options(ref="v1", until="preview"))) == [
        "has started",
        "waits for promotion",
    ]
    assert told(lambda: verbs.abort(fleet(), Options())) == ["was undone"]
    assert told(lambda: verbs.abort(fleet(), Options())) == []
    failing = settings(released, {"url": server.webhook}, hooks=[{"after": "gate", "on": "operator", "run": "exit 3"}])
    assert told(lambda: verbs.release(released.fleet(failing), Options(ref="v1"))) == ["failed and was undone"]


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.exhaustive
def test_a_run_whose_process_died_is_told_by_the_next(
    released: World, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = settings(released, {"url": server.webhook, "on": ALL})

    def die() -> None:
        raise Killed

    with monkeypatch.context() as dying:
        # a dead process sends nothing more
        dying.setattr(notifying.Notifier, "finish", lambda self: None)
        before_step(dying, "warm", die)
        with pytest.raises(Killed):
            verbs.release(released.fleet(made), Options(ref="v1"))
    del server.got[:]
    assert verbs.resume(released.fleet(made), Options()) == 0
    assert server.titles()[-1] == "shop: release of v1 succeeded"
    assert [title for title in server.titles() if "started" not in title] == ["shop: release of v1 succeeded"]


@pytest.mark.exhaustive
def test_an_undo_that_is_not_complete_is_unsettled(released: World, server: Server, tmp_path: Path) -> None:
    hook = {"after": "start", "on": "operator", "run": f"touch {tmp_path}/lost; exit 1"}
    made = settings(released, {"url": server.webhook}, hooks=[hook])
    answer = released.answer

    def lost(connector: Any, command: str, stdin: str = "") -> Any:
        if (tmp_path / "lost").exists():
            released.down.add("node3")
        return answer(connector, command, stdin)

    released.answer = lost  # type: ignore[method-assign]
    assert verbs.release(released.fleet(made), Options(ref="v1")) == 1
    assert server.titles() == ["shop: release of v1 is UNSETTLED"]
    (tmp_path / "lost").unlink()
    released.down.clear()
    assert verbs.abort(released.fleet(made), Options()) == 0
    assert server.titles() == ["shop: release of v1 is UNSETTLED", "shop: release of v1 was undone"]


def test_a_plan_tells_no_target(released: World, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError("a plan must not start the sender")

    monkeypatch.setattr(notifying, "Courier", refuse)
    verbs.show_plan(
        released.fleet(settings(released, {"url": server.webhook, "on": ALL})), "release", Options(), False, False
    )
    assert server.got == []


def chosen(world: World, *notifications: Any) -> list[str]:
    made = settings(world, *notifications) if notifications else load(world.settings)
    return [target.name for target, _ in notifying._chosen(world.fleet(made))]


def test_slack_endpoint_needs_no_setting(
    released: World, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("SLACK_ENDPOINT", raising=False)
    assert chosen(released) == []
    assert capfd.readouterr().err == ""
    monkeypatch.setenv("SLACK_ENDPOINT", SLACK)
    assert chosen(released) == ["env:SLACK_ENDPOINT"]


def test_a_variable_that_is_missing_is_a_warning(
    released: World, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CHAT", raising=False)
    assert chosen(released, {"url": "env:CHAT"}) == []
    assert "warning: notifications.0: the environment variable CHAT is not set" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("url", "hidden"),
    [
        (SLACK, list(SECRETS[:3])),
        (
            "json://ann:p4ssw0rd-Long@example.com/a/Hidden-Segment-1?token=Hidden-Value-2",
            ["p4ssw0rd-Long", "Hidden-Segment-1", "Hidden-Value-2"],
        ),
        (
            "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general",
            ["T1JJ3T3L2", "A1BRTD4JD", "TIiajkdnlazkcOXrIdevi7FQ"],
        ),
        ("mailto://ann:s%40cret-Pass1@example.com", ["s@cret-Pass1", "s%40cret-Pass1"]),
        ("tgram://123456789:abcdefg_hijklmnop/12315544/", ["123456789:abcdefg_hijklmnop"]),
    ],
)
def test_the_mask_hides_the_secret_parts_of_a_url(released: World, url: str, hidden: list[str]) -> None:
    fleet = released.fleet(load(released.settings))
    fleet.mask.add(secrets_of(url))
    for word in [*hidden, url, base64.b64encode(url.encode()).decode()]:
        assert word not in fleet.mask.hide(f"sent to <{word}> on example.com")
    assert "example.com" in fleet.mask.hide("sent to example.com") or url.startswith("mailto")
    say(fleet.mask.hide(url))
