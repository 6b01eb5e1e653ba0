"""A new instance catches up: the installed script, with real git and a real HTTP server."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from orchestrator.aws.announce import Announcement, Version
from orchestrator.config import load
from orchestrator.errors import UsageError
from orchestrator.model import Color
from orchestrator.provision import catch_up
from tests.fakes.git import GIT
from tests.fakes.world import BIN, World

pytestmark = pytest.mark.exhaustive

AWS = r"""#!/bin/sh
echo "$*" >> "$HOST_ROOT/aws"
case "$*" in
*"s3 cp"*) cat "$HOST_ROOT/object" ;;
*describe-auto-scaling-instances*) cat "$HOST_ROOT/state" ;;
*complete-lifecycle-action*) [ ! -e "$HOST_ROOT/broken/complete" ] ;;
esac
"""

# a fake answers for the node's own nginx; all other requests are real
CURL = rf"""#!/bin/sh
for url; do :; done
case $url in
http://127.0.0.1:808[12]/*) exec {BIN}/curl "$@" ;;
*) exec /usr/bin/curl "$@" ;;
esac
"""


class Instance:
    """A new instance, its metadata, and the announcement that it reads."""

    def __init__(self, path: Path, **settings: Any) -> None:
        self.world = World(path, nodes=1, balancers=())
        self.host = path / "node1"
        self.revisions = {
            tag: subprocess.check_output(["git", "-C", self.world.origin, "rev-parse", tag], text=True).strip()
            for tag in ("v1", "v2")
        }
        self.old = Version(f"20260101T120000Z-{self.revisions['v1'][:7]}", self.revisions["v1"])
        self.new = Version(f"20260102T120000Z-{self.revisions['v2'][:7]}", self.revisions["v2"])
        self.announced = Announcement("shop", 7, False, Color.green, self.old, self.new)
        self.after_reads: dict[int, Announcement] = {}
        self.reads = 0
        self.patience = 30
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        (self.host / "state").write_text("Pending:Wait\n")
        self._install(settings)

    def catch_up(self, url: str | None = None, path: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run the script.

        + url: of the announcement; empty for the URL in the settings, None for this test's server
        + path: directories of the programs; None for the fake programs and this machine's own
        """
        url = f"{self.url}/live.json" if url is None else url
        environment = {
            **os.environ,
            **GIT,
            "PATH": path or f"{self.host}/bin:{BIN}:{os.environ['PATH']}",
            "HOST_ROOT": str(self.host),
            "HOST_NAME": "node1",
            "WORLD": str(self.world.path),
            "METADATA_URL": self.url,
            "CATCH_UP_WAIT": str(self.patience),
            "CATCH_UP_POLL": "0.05",
        }
        return subprocess.run(
            [str(self.library / "catch-up"), *([url] if url else [])],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )

    @property
    def completed(self) -> bool:
        return "complete-lifecycle-action" in self.calls

    @property
    def calls(self) -> str:
        path = self.host / "aws"
        return path.read_text() if path.exists() else ""

    @property
    def state(self) -> dict[str, str | None]:
        return {color: self.world.release("node1", Color(color)) for color in ("blue", "green")} | {
            "live": self.world.live("node1")
        }

    def _install(self, changes: dict[str, Any]) -> None:
        raw = {
            **self.world.settings,
            "user": getpass.getuser(),
            "switches": [{"kind": "haproxy", "group": "haproxy", "urls": ["http://shop.test/"]}],
            "scaling": {"group": "shop-prod", "live": "s3://deploys/shop/live.json", "hook": "catch-up"},
            "gate": {"deadline": 1, "interval": 0.02, "successes": 2},
            **changes,
        }
        # the user of a test may be root, whom the settings of an inventory must not name
        settings = load(raw, recorded=True)
        self.library = self.host / "usr/local/lib/orchestrator/shop"
        (self.library / "step").mkdir()
        for name, text in {
            "catch-up": catch_up.script(settings),
            **{f"step/{name}": text for name, text in catch_up.steps(settings).items()},
        }.items():
            self._write(self.library / name, text)
        (self.host / "bin").mkdir()
        self._write(self.host / "bin/aws", AWS)
        self._write(self.host / "bin/curl", CURL)

    def _write(self, path: Path, text: str) -> None:
        moved = (
            text.replace("/srv/shop", f"{self.host}/srv/shop")
            .replace("/usr/local/lib/orchestrator", f"{self.host}/usr/local/lib/orchestrator")
            .replace("/usr/bin/systemctl", "systemctl")
            .replace("/usr/bin/cgi-fcgi", f"{BIN}/cgi-fcgi")
        )
        path.write_text(moved)
        path.chmod(0o755)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        instance = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                self._answer("a-token")

            def do_GET(self) -> None:
                if self.path == "/live.json":
                    instance.reads += 1
                    instance.announced = instance.after_reads.get(instance.reads - 1, instance.announced)
                    return self._answer(instance.announced.to_json())
                if self.headers.get("X-aws-ec2-metadata-token") != "a-token":
                    return self.send_error(401)
                known = {"placement/region": "eu-central-1", "instance-id": "i-1"}
                self._answer(known[self.path.removeprefix("/latest/meta-data/")])

            def _answer(self, text: str) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(text.encode())

            @override
            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    made = Instance(tmp_path)
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_both_colors_match_the_fleet_before_traffic_may_come(instance: Instance) -> None:
    done = instance.catch_up()
    assert done.returncode == 0, done.stderr
    assert instance.state == {"blue": instance.old.release, "green": instance.new.release, "live": "green"}
    assert done.stdout.endswith(f"catch-up: i-1 has {instance.new.release}, and may get traffic\n")
    for version, text in ((instance.old, "v1"), (instance.new, "v2")):
        release = instance.world.root("node1") / "releases" / version.release
        assert text in (release / "public/index.php").read_text()
        assert (release / "storage").is_symlink()
    assert instance.calls.splitlines()[-1] == (
        "--region eu-central-1 autoscaling complete-lifecycle-action --auto-scaling-group-name shop-prod "
        "--lifecycle-hook-name catch-up --instance-id i-1 --lifecycle-action-result CONTINUE"
    )
    assert (instance.world.root("node1") / "guard/fence").read_text() == "7\n"


def test_an_instance_runs_the_build_steps_of_a_release(tmp_path: Path) -> None:
    run = "mkdir vendor; pwd > vendor/where"
    composer = {"name": "composer", "run": run, "inputs": ["public"], "outputs": ["vendor"]}
    modes = {"public/index.php": "640"}
    instance = Instance(tmp_path, build=[composer], permissions={"modes": modes})
    done = instance.catch_up()
    instance.server.shutdown()
    instance.server.server_close()
    assert done.returncode == 0, done.stderr
    for version in (instance.old, instance.new):
        release = instance.world.root("node1") / "releases" / version.release
        assert (release / "vendor/where").read_text() == f"{release}\n"
        assert (release / "public/index.php").stat().st_mode & 0o777 == 0o640


def test_an_instance_gets_no_environment_of_the_operators(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError,
        match="environment: the variables come from the operator's machine",
    ):
        Instance(tmp_path, environment={"values": {"KEY": "x"}})


def test_from_s3_as_the_settings_name_it(instance: Instance) -> None:
    (instance.host / "object").write_text(instance.announced.to_json())
    done = instance.catch_up(url="")
    assert done.returncode == 0, done.stderr
    assert "s3 cp --only-show-errors s3://deploys/shop/live.json -" in instance.calls
    assert instance.completed


def test_a_fleet_with_one_release(instance: Instance) -> None:
    instance.announced = replace(instance.announced, live=Color.blue, green=None)
    assert instance.catch_up().returncode == 0
    assert instance.state == {"blue": instance.old.release, "green": None, "live": "blue"}


def test_a_short_revision_will_do(instance: Instance) -> None:
    instance.announced = replace(instance.announced, blue=Version.of(instance.old.release))
    assert instance.catch_up().returncode == 0
    assert instance.state["blue"] == instance.old.release


def test_catch_up_waits_during_a_run(instance: Instance) -> None:
    after = instance.announced
    instance.announced = replace(after, fence=6, busy=True, live=Color.blue, green=None)
    instance.after_reads = {3: after}
    assert instance.catch_up().returncode == 0
    assert instance.calls.count("record-lifecycle-action-heartbeat") == 3
    assert instance.state["live"] == "green"


def test_a_run_that_ended_meanwhile_is_caught_up_with(instance: Instance) -> None:
    after = replace(instance.announced, fence=8)
    instance.announced = replace(after, fence=6, live=Color.blue, green=None)
    # the script reads at the start and before it completes the hook: first a run is under way, then it has ended
    instance.after_reads = {1: replace(instance.announced, busy=True, fence=8), 2: after}
    done = instance.catch_up()
    assert done.returncode == 0, done.stderr
    assert instance.state == {"blue": instance.old.release, "green": instance.new.release, "live": "green"}
    assert instance.calls.count("complete-lifecycle-action") == 1


def test_a_run_that_never_ends_is_given_up(instance: Instance) -> None:
    instance.announced = replace(instance.announced, busy=True)
    instance.patience = 1
    done = instance.catch_up()
    assert done.returncode == 1
    assert "a run is on for longer than 1 s: settle it (deploys/status.py)" in done.stderr
    assert not instance.completed


@pytest.mark.parametrize(
    ("broken", "line"),
    [
        ("health", "/ answers status 500 while warming"),
        ("restart", "shop-blue.target does not start"),
    ],
)
def test_an_instance_that_does_not_work_gets_no_traffic(instance: Instance, broken: str, line: str) -> None:
    instance.world.break_("node1", broken)
    done = instance.catch_up()
    assert done.returncode != 0
    assert line in done.stderr
    assert not instance.completed
    assert instance.state["live"] == "blue"


def test_the_gate_itself(tmp_path: Path) -> None:
    instance = Instance(tmp_path, warm=[])
    instance.world.break_("node1", "health")
    done = instance.catch_up()
    instance.server.shutdown()
    instance.server.server_close()
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "catch-up: blue: its health page answers status 500, wanted 200"
    assert not instance.completed


def test_the_code_that_runs_is_asked_for(instance: Instance) -> None:
    step = instance.library / "step/code-green"
    step.write_text('#!/bin/sh\necho \'{"release":"20250101T000000Z-0000000"}\'\n')
    done = instance.catch_up()
    assert done.returncode == 1
    assert f"green: its PHP-FPM runs 20250101T000000Z-0000000, not {instance.new.release}" in done.stderr
    assert not instance.completed


def test_an_origin_without_the_commit(instance: Instance) -> None:
    instance.announced = replace(instance.announced, green=Version("20260102T120000Z-fffffff", "f" * 40))
    done = instance.catch_up()
    assert done.returncode != 0
    assert f"the origin has no commit {'f' * 40}" in done.stderr
    assert not instance.completed


@pytest.mark.parametrize("state", ["InService", "Standby", "None", "Terminating:Wait"])
def test_an_instance_that_may_have_traffic_is_left_alone(instance: Instance, state: str) -> None:
    (instance.host / "state").write_text(f"{state}\n")
    done = instance.catch_up()
    assert done.returncode == 1
    assert f"i-1 is {state}: it may have traffic, and only a run may change it" in done.stderr
    assert instance.world.releases("node1") == []


def test_a_newer_run_keeps_it_out(instance: Instance) -> None:
    (instance.world.root("node1") / "guard/fence").write_text("9\n")
    done = instance.catch_up()
    assert done.returncode == 75
    assert "fenced: run 7 is older than run 9" in done.stderr
    assert not instance.completed


def test_a_newer_provisioning_of_the_image_does_no_harm(instance: Instance) -> None:
    guard = instance.world.root("node1") / "guard"
    (guard / "fence").write_text("9\n")
    (guard / "provisioned").write_text("9\n")
    done = instance.catch_up()
    assert done.returncode == 0, done.stderr
    assert instance.state == {"blue": instance.old.release, "green": instance.new.release, "live": "green"}
    assert (guard / "fence").read_text() == "9\n"


def test_a_run_after_the_image_keeps_an_instance_out(instance: Instance) -> None:
    guard = instance.world.root("node1") / "guard"
    (guard / "fence").write_text("9\n")
    (guard / "provisioned").write_text("8\n")
    done = instance.catch_up()
    assert done.returncode == 75
    assert "fenced: run 8 is older than run 9" in done.stderr
    assert not instance.completed


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"app": "blog"}, "is of blog, not of shop"),
        ({"green": None}, "says no release of green"),
    ],
)
def test_an_announcement_that_does_not_fit(instance: Instance, change: dict[str, Any], line: str) -> None:
    instance.announced = replace(instance.announced, **change)
    done = instance.catch_up()
    assert done.returncode == 1
    assert line in done.stderr
    assert not instance.completed


def test_nothing_is_announced(instance: Instance) -> None:
    done = instance.catch_up("http://127.0.0.1:9/live.json")
    assert done.returncode == 1
    assert "catch-up: cannot read http://127.0.0.1:9/live.json: " in done.stderr


def test_a_hook_that_cannot_be_completed_is_said(instance: Instance) -> None:
    instance.world.break_("node1", "complete")
    done = instance.catch_up()
    assert done.returncode == 1
    assert "the lifecycle hook cannot be completed" in done.stderr


def test_an_image_without_the_program_aws_is_said(instance: Instance, tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("id", "mktemp", "rm"):
        (programs / name).symlink_to(str(shutil.which(name)))
    done = instance.catch_up(path=str(programs))
    assert done.returncode == 1
    line = "catch-up: the program aws is missing: install it in the image (docs/aws-instances.md)\n"
    assert done.stderr == line


def test_without_a_hook_there_is_no_script(instance: Instance) -> None:
    settings = {
        **instance.world.settings,
        "switches": [{"kind": "haproxy", "group": "h", "urls": ["http://shop.test/"]}],
    }
    with pytest.raises(UsageError, match=r"scaling\.hook is missing"):
        catch_up.script(load(settings))
