"""An application gets a web user of its own while two applications serve users: no request of either of them fails."""

from __future__ import annotations

import json
import random
import shlex
import signal
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.fleet.running import Fleet, Provisioning
from tests.fleet.safety import Run, words
from tests.fleet.switching import until
from tests.fleet.test_random_provisionings import ANNEX, SHOP, Application, traffic
from tests.fleet.traffic import ask, measured

pytestmark = pytest.mark.slow

FORMER, OWN = "www-data", "shop-web"

ROOT = "/srv/shop"
SESSION = f"{ROOT}/shared/sessions/sess_own"

OWNERS = f"find {ROOT} -printf '%P %y %u %g %m\\n'; getfacl -RpsE {ROOT} | awk -v RS= '{{ gsub(/\\n/, \" \"); print }}'"
"""Prints owner, group, mode and ACL of each file of the application, one file a line."""

RUNS = "ps -o user= -p $(systemctl show -p MainPID --value shop-{blue,green}-{nginx,fpm,ws}.service | tr '\\n' ' ')"
"""Prints as whom the processes of both colors run."""


def on_nodes(fleet: Fleet, command: str) -> list[str]:
    """Run a command on each node. Return the output of each."""
    found = []
    for node in fleet.nodes:
        done = fleet.exec(node["name"], f"bash -c {shlex.quote(command)}")
        assert done.returncode == 0, done.stderr
        found.append(done.stdout.strip())
    return found


def owners(fleet: Fleet, uploads: bool = True) -> list[set[str]]:
    """Return for each node the owner, group, mode and ACL of all files of the application, one file a line.

    + uploads: whether to include the files that requests of the probe make
    """
    found = [set(text.splitlines()) for text in on_nodes(fleet, OWNERS)]
    return found if uploads else [{line for line in lines if "/uploads/" not in line} for lines in found]


def may_read(fleet: Fleet, user: str, path: str) -> list[bool]:
    """Return for each node whether a user may read a file."""
    return [fleet.exec(node["name"], f"runuser -u {user} -- cat {path}").returncode == 0 for node in fleet.nodes]


@pytest.fixture(scope="module")
def both(
    bare_fleet: Fleet, provisioning: Provisioning, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Application]]:
    """Two applications of the same web user, with two releases each. Afterwards all servers are replaced."""
    provisioning.became(None)
    fleet, folder = bare_fleet, tmp_path_factory.mktemp("both")
    found = [Application(fleet, name, folder / name, random.Random(0)) for name in (SHOP, ANNEX)]
    for application in found:
        application.settings |= {
            "web_user": FORMER,
            "environment": {"values": {"APP_KEY": f"of-{application.name}"}},
            "permissions": {"writable": ["cache"], "private": ["app/Version.php"]},
        }
        application.do("provision")
        for ref in ("v1", "v2"):
            application.release(ref)
    on_nodes(fleet, f"runuser -u {FORMER} -- install -m 600 /dev/null {SESSION}")
    on_nodes(fleet, f"runuser -u {FORMER} -- touch {ROOT}/live/release/cache/page {ROOT}/shared/storage/upload")
    yield found
    provisioning.start_again()


def refused(application: Application, verb: str) -> str:
    """Run a command that must fail. Return its output."""
    settings = application.settings | {"switches": [*application.settings["switches"].values()]}
    done = application.fleet.pyinfra(*words(verb), environment={"SETTINGS": json.dumps(settings)}, timeout=900)
    assert done.returncode != 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def test_a_failed_change_of_the_web_user_gives_all_files_back(both: list[Application]) -> None:
    shop = both[0]
    fleet, before, former = shop.fleet, shop.live, owners(shop.fleet, uploads=False)
    # on node2, a color starts only as the former user
    drop_in = "/etc/systemd/system/shop-green-fpm.service.d"
    only = f'[Service]\\nExecStartPre=/bin/sh -c "[ $(id -un) = {FORMER} ]"\\n'
    broken = f"mkdir {drop_in} && printf '{only}' >{drop_in}/only.conf && systemctl daemon-reload"
    done = fleet.exec("node2", broken)
    assert done.returncode == 0, done.stderr
    with ExitStack() as stack:
        probes = [stack.enter_context(traffic(application)) for application in both]
        del shop.settings["web_user"]
        said = refused(shop, "provision")
        assert "node1: the files of www-data belong to shop-web" in said, said
        assert "node2: green is up: " in said, said
        assert "have their former files again, and have loaded them" in said, said
        print(said)
        assert [now ^ then for now, then in zip(owners(fleet, uploads=False), former, strict=True)] == [set()] * 3
        assert [[line for line in lines if OWN in line] for lines in owners(fleet)] == [[]] * 3
        assert [set(said.split()) for said in on_nodes(fleet, RUNS)] == [{FORMER}] * 3
        assert ask(shop.urls[0]).body["release"] == before

        # with the former web user in the settings, all goes on
        done = fleet.exec("node2", f"rm -r {drop_in} && systemctl daemon-reload")
        assert done.returncode == 0, done.stderr
        shop.settings["web_user"] = FORMER
        shop.do("rollback")
        shop.release("v2")
        for application in both:
            application.is_well()
        reports = [probe.stop() for probe in probes]
    for report in reports:
        print(measured(report))
        assert report.totals.requests > 0
        assert report.totals.failed == report.unfinished == 0, "\n".join(report.totals.examples)


def test_no_color_starts_as_a_user_who_owns_no_files(both: list[Application]) -> None:
    shop, fleet, before = both[0], both[0].fleet, both[0].live
    units = f"cat /etc/systemd/system/shop-{{blue,green}}-{{nginx,fpm,ws}}.service | grep -cx User={OWN} || true"
    color = ask(shop.urls[0]).body["color"]
    port = {"blue": 8081, "green": 8082}[color]
    asked = f"curl -so /dev/null -w '%{{http_code}}' http://127.0.0.1:{port}/ || true"
    assert fleet.exec("node3", asked).stdout == "200"

    # the operator dies after the unit files are in place and before the files of node3 get another owner
    del shop.settings["web_user"]
    settings = shop.settings | {"switches": [*shop.settings["switches"].values()]}
    run = Run(fleet, *words("provision"), environment={"SETTINGS": json.dumps(settings)})
    until(lambda: on_nodes(fleet, units)[2] == "6", 300)
    run.signal(signal.SIGKILL)
    assert run.end() == 128 + signal.SIGKILL, run.text
    assert fleet.exec("node3", "cat /etc/orchestrator/shop/web_user").stdout == f"{FORMER}\n", run.text

    # as at boot; systemd says that the units of the targets have not started
    targets = "shop-blue.target shop-green.target"
    done = fleet.exec("node3", f"systemctl daemon-reload && systemctl stop {targets}")
    assert done.returncode == 0, done.stderr
    fleet.exec("node3", f"systemctl start {targets}")
    # systemd tries again each second, and never starts a process as a user who does not own the files
    processes = "systemctl show --value -p MainPID shop-{blue,green}-{nginx,fpm,ws}.service | sort -u"
    assert on_nodes(fleet, processes)[2].split() == ["0"]
    assert fleet.exec("node3", f"pgrep -u {OWN} 'nginx|php'").stdout == ""
    assert fleet.exec("node3", asked).stdout == "000"

    # the next command has the former settings
    shop.settings["web_user"] = FORMER
    shop.do("unlock")
    print(shop.do("provision"))
    assert [set(said.split()) for said in on_nodes(fleet, RUNS)] == [{FORMER}] * 3
    assert fleet.exec("node3", asked).stdout == "200"
    assert shop.live == before
    shop.is_well()


def test_an_application_gets_its_own_web_user(both: list[Application]) -> None:
    shop, annex = both
    fleet, before = shop.fleet, shop.live
    secrets = [f"{ROOT}/{color}/release/.env" for color in ("blue", "green")] + [SESSION]
    assert all(all(may_read(fleet, FORMER, secret)) for secret in secrets)
    assert [set(said.split()) for said in on_nodes(fleet, RUNS)] == [{FORMER}] * 3
    with ExitStack() as stack:
        probes = [stack.enter_context(traffic(application)) for application in both]

        del shop.settings["web_user"]
        assert "web_user has changed since the last provisioning: run deploys/provision.py" in refused(shop, "release")
        plan = shop.do("provision", plan="true")
        assert "the files of www-data belong to shop-web, and both colors stop meanwhile: the node serves" in plan
        print(shop.do("provision"))
        assert ask(shop.urls[0]).body["release"] == before

        # all files belong to the new user, and the user of the other application reads none of the secrets
        found = owners(fleet)
        assert [[line for line in lines if FORMER in line] for lines in found] == [[]] * 3
        assert all(f"shared/sessions/sess_own f {OWN} {OWN} 600" in lines for lines in found)
        assert [set(said.split()) for said in on_nodes(fleet, RUNS)] == [{OWN}] * 3
        assert [fleet.exec(node["name"], "test -e /nonexistent").returncode for node in fleet.nodes] == [1] * 3
        for secret in secrets:
            assert may_read(fleet, OWN, secret) == [True] * 3, secret
            assert may_read(fleet, FORMER, secret) == [False] * 3, secret
        assert "nothing to do" in (again := shop.do("provision", plan="true")), again
        assert "shop-web" not in again

        # back to a release from before, and forward
        shop.do("rollback")
        answer = ask(shop.urls[0])
        assert answer.status == 200
        assert answer.body["release"] != before
        shop.do("rollback")
        shop.release("v1")
        shop.is_well()
        annex.release("v1")
        annex.is_well()
        reports = [probe.stop() for probe in probes]
    for application, report in zip(both, reports, strict=True):
        print(f"{application.name}: {measured(report)}")
        assert report.totals.requests > 0
        assert report.totals.failed == report.unfinished == 0, "\n".join(report.totals.examples)
    assert [[line for line in lines if FORMER in line] for lines in owners(fleet)] == [[]] * 3
    assert set(on_nodes(fleet, "stat -c %U /srv/annex/live/release/.env")) == {FORMER}
