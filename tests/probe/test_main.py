"""The command: bad arguments, exit status, files, signals. Run in this process where possible."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path

import pytest

from orchestrator.errors import UsageError
from orchestrator.probe.__main__ import main
from orchestrator.probe.load import requests
from orchestrator.probe.options import parse
from orchestrator.probe.report import Report
from orchestrator.probe.sample import Kind
from orchestrator.probe.variable import TOKEN
from tests.fakes.processes import eventually

from .server import Server, nobody

BAD = [
    [],
    ["ftp://a"],
    ["http://"],
    ["nonsense"],
    ["http://a:port"],
    ["http://user:secret@a"],
    ["http://a/b c"],
    ["http://a..b"],
    ["http://a", "--rate", "0"],
    ["http://a", "--rate", "many"],
    ["http://a", "--connections", "0"],
    ["http://a", "--requests", "-1"],
    ["http://a", "--timeout", "nan"],
    ["http://a", "--mix", "keepalive,quick"],
    ["http://a", "--mix", ""],
    ["http://a", "--paths", "x"],
    ["http://a", "--paths", "/x\ny"],
    ["http://a/x", "--paths", "/y"],
    ["http://a/x", "http://b/y"],
    ["http://a", "--token", "a\nb"],
    ["http://a", "--host", "a b"],
    ["http://a", "--host", "[a"],
    ["https://a", "--host", ".a"],
    ["https://a", "--ca", "/no/such/file"],
    ["http://a", "--http2"],
    ["http://user:secret@a", "--http2"],
    ["https://a", "http://b", "--http2"],
    ["http://a", "--json", "/no/such/dir/report"],
    ["http://a", "--hurry"],
]


@pytest.mark.parametrize("argv", BAD, ids=" ".join)
def test_bad_arguments_get_one_line_and_status_2(argv: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert main([*argv, "--seconds=0.1"]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("probe: ")
    assert err.count("\n") == 1
    assert "secret" not in err


def test_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN, "from-env")
    load = parse(["http://a/x?y=1", "http://b/x?y=1", "--mix", "slow,post", "--rate", "2.5"]).load
    assert [target.origin for target in load.targets] == ["http://a", "http://b"]
    assert (load.paths, load.mix, load.rate) == (("/x?y=1",), (Kind.slow, Kind.post), 2.5)
    assert load.manners.token == "from-env"
    assert parse(["http://a", "--token", "said"]).load.manners.token == "said"
    assert parse(["http://a", "--paths", "/1", "/2"]).load.paths == ("/1", "/2")
    assert len(parse(["http://a", "http://a"]).load.targets) == 1
    with pytest.raises(UsageError):
        parse(["http://a/1", "http://b"])


def test_a_site_gets_few_requests_and_only_get_by_default() -> None:
    load = parse(["http://a"]).load
    assert (load.rate, load.connections) == (10, 4)
    sent = {request.method + request.path for kind in load.mix for request in islice(requests(load, kind, 0), 4)}
    assert sent == {"GET/"}
    # the other kinds, and more requests, must be asked for
    load = parse(["http://a", "--mix", "keepalive,post,slow", "--rate", "max"]).load
    assert load.rate is None
    sent = {request.method + request.path for kind in load.mix for request in islice(requests(load, kind, 0), 4)}
    assert sent == {"GET/", "POST/upload", "GET/slow?s=2", "POST/slow?s=2"}


def test_no_failure_is_status_0_and_a_table(server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    assert main([server.url, "--requests", "20", "--rate", "max", "--mix", "keepalive,fresh,post"]) == 0
    out, err = capfd.readouterr()
    assert "v1" in out
    assert "20" in out
    assert err == ""


def test_failures_are_status_1_and_files_hold_everything(server: Server, tmp_path: Path) -> None:
    report, samples = tmp_path / "report.json", tmp_path / "samples"
    argv = [
        server.url,
        "--paths",
        "/",
        "/503",
        "--requests",
        "10",
        "--rate",
        "max",
        "--connections",
        "1",
        "--mix",
        "keepalive",
    ]
    assert main([*argv, "--json", str(report), "--samples", str(samples)]) == 1
    assert Report.from_json(json.loads(report.read_text())).totals.failures == {"status_5xx": 5}
    lines = [json.loads(line) for line in samples.read_text().splitlines()]
    assert len(lines) == 10
    assert {line["failure"] for line in lines} == {None, "status_5xx"}
    assert all(abs(line["sent"] - time.time()) < 60 for line in lines)


def test_json_on_standard_output_is_alone_there(server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    assert main([server.url, "--requests", "3", "--rate", "max", "--mix", "fresh", "--json", "-"]) == 0
    assert Report.from_json(json.loads(capfd.readouterr().out)).totals.requests == 3


def test_refused_is_status_1(capfd: pytest.CaptureFixture[str]) -> None:
    with nobody() as url:
        assert main([url, "--requests", "3", "--rate", "max", "--mix", "fresh"]) == 1
    assert "refused 3" in capfd.readouterr().out


def spawn(*arguments: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "orchestrator.probe", *arguments]
    return subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_requests(server: Server) -> None:
    eventually(lambda: server.seen)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_with_a_report(server: Server, number: signal.Signals) -> None:
    process = spawn(server.url, "--mix", "keepalive", "--rate", "50", "--json", "-")
    wait_for_requests(server)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert Report.from_json(json.loads(out)).totals.requests >= 1


def test_the_second_signal_does_not_wait_for_requests_in_flight(server: Server) -> None:
    process = spawn(
        server.url, "--paths", "/hang", "--connections", "2", "--rate=max", "--mix", "fresh", "--timeout", "60"
    )
    wait_for_requests(server)
    process.send_signal(signal.SIGINT)
    time.sleep(0.1)
    assert process.poll() is None
    # another one: the first may not have been taken yet, and two that are the same become one
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (1, "")
    assert "2 requests were given up" in out


def test_every_kind_of_standard_input_will_do(server: Server) -> None:
    process = spawn(server.url, "--until-eof", "--rate", "50", "--mix", "fresh", "--json", "-")
    out, err = process.communicate(timeout=60)  # /dev/null: at its end at once
    assert (process.returncode, err) == (0, "")
    assert json.loads(out.splitlines()[-1])["totals"]["failed"] == 0


def test_the_probe_starts_without_heavy_imports() -> None:
    heavy = ("pyinfra", "gevent", "pydantic", "boto3")
    code = "import sys, orchestrator.probe.__main__, orchestrator.probe.process;"
    code += f"print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
    code = "import sys, orchestrator.probe.process; print('asyncio' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n", "the parent does not pay for the probe"
    assert os.environ.get(TOKEN) is None
