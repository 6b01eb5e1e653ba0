"""One node of three is broken: no traffic moves, nothing is left behind, and a rollback still works."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fleet.running import Fleet
from tests.fleet.safety import NARROW, WIDE, Calm, Run, copy_of_inventory, snapshot, weighty, words

Break = Callable[[str, str, str], None]
Tag = Callable[[str, Callable[[Path], None]], str]

# Another file system in the place of a directory, with the same files and not a byte more; at once, so that the live
# color, which runs from there, does not notice.
FULL = """
set -e
size=$(du -sk {dir} | cut -f1)
mkdir /run/full
mount -t tmpfs -o mode=0755,size=$((size + 512))k full /run/full
cp -a {dir} /run/full/files
dd if=/dev/zero of=/run/full/ballast bs=4k 2>/dev/null || true
mount --bind /run/full/files {dir}
"""
ROOM = "umount -l {dir}; umount -l /run/full; rmdir /run/full"

NO_SSH = "iptables -I INPUT -p tcp --dport 22 -j REJECT --reject-with tcp-reset"
SSH = "while iptables -D INPUT -p tcp --dport 22 -j REJECT --reject-with tcp-reset 2>&1; do :; done"

# The journal reads what the unit wrote only when its start has failed.
DIES = r"""
printf '[Service]\nType=exec\nExecStart=/bin/sh -c "echo no database; exit 1"\n' > /run/systemd/system/dies.service
printf 'ExecStartPost=/bin/sh -c "while kill -0 $MAINPID 2>/dev/null; do sleep 0.02; done; exit 1"\n' \
    >> /run/systemd/system/dies.service
systemctl daemon-reload
journal=$(systemctl show --property MainPID --value systemd-journald)
kill -STOP "$journal"
systemctl start --no-block dies
i=0
while [ "$(systemctl is-active dies)" != failed ] && [ $((i += 1)) -lt 500 ]; do sleep 0.02; done
kill -CONT "$journal"
"""
ALIVE = """
kill -CONT "$(systemctl show --property MainPID --value systemd-journald)"
rm /run/systemd/system/dies.service; systemctl daemon-reload; systemctl reset-failed
"""


def answers_500_on(node: str, method: str) -> Callable[[Path], None]:
    """An edit after which a method of the application fails on one node."""

    def edit(folder: Path) -> None:
        file = folder / "app/Kernel.php"
        begin = f"private function {method}(array $server): Answer\n    {{\n"
        text = file.read_text()
        assert begin in text
        fails = f"if (gethostname() === '{node}') {{ return $this->answer($server, ['error' => 'bad'], 500); }}\n"
        file.write_text(text.replace(begin, begin + fails))

    return edit


def something(folder: Path) -> None:
    """Edit a file, so that no mirror has this version."""
    (folder / "NEWS").write_text("much\n" * 20000)


def ended(run: Run, status: int, told: str) -> None:
    """Assert that a run ends with a status and with one line that says what, where, and why."""
    assert run.end() == status, run.text
    assert "Traceback" not in run.text
    last = [line for line in run.lines if re.match(r"release( failed.*)?: ", line)]
    assert len(last) == 1, run.text
    assert re.search(told, last[0]), run.text


def undone(run: Run, calm: Calm, told: str) -> None:
    """Assert that a release was undone: all servers and the traffic are as before."""
    old = f"{calm.before.release(calm.before.live)} \\({calm.before.live}\\)"
    ended(run, 1, f"^release failed and was undone, {old} keeps the traffic: {told}$")
    calm.untouched()


def after(calm: Calm) -> None:
    """The rollback of before still works, and no request has noticed any of it."""
    calm.roll_back()
    unnoticed(calm)


def unnoticed(calm: Calm) -> None:
    """No request failed, and only the releases of before answered."""
    calm.no_request_failed(*(calm.before.release(color) for color in ("blue", "green")))


@pytest.fixture
def short(tmp_path: Path) -> Path:
    """The fleet's inventory, with a gate that does not wait long."""
    return copy_of_inventory(tmp_path, gate={"deadline": 2})


def test_a_version_whose_health_page_fails_on_one_node(calm: Calm, tag: Tag, short: Path) -> None:
    tag("bad-health", answers_500_on("node2", "health"))
    run = Run(calm.fleet, *words("release", ref="bad-health"), inventory=short)
    new = r"\S+"
    undone(
        run,
        calm,
        f"gate failed on node2: its health page gave status 500 from {new} instead of status 200 from {new}"
        # each balancer sees it, too
        r"(; gate failed on (haproxy|nginx|haproxy, nginx): seen from this balancer, "
        rf"node2 gives status 500 from {new}; .*)+",
    )
    after(calm)


@pytest.mark.slow
def test_a_version_whose_page_fails_on_one_node(calm: Calm, tag: Tag) -> None:
    tag("bad-page", answers_500_on("node1", "home"))
    run = Run(calm.fleet, *words("release", ref="bad-page"))
    undone(run, calm, "warm failed on node1: / answers status 500 while warming")
    after(calm)


@pytest.mark.slow
def test_a_version_that_does_not_start_on_one_node(calm: Calm, tag: Tag, broken: Break) -> None:
    new = tag("bad-start", something)
    idle = calm.before.idle
    unit = f"shop-{idle}-fpm.service"
    drop_in = f"/run/systemd/system/{unit}.d"
    command = f"ExecStartPre=/bin/sh -c '! readlink /srv/shop/{idle}/release | grep -q -- -{new}'"
    broken(
        "node3",
        f'mkdir {drop_in} && printf "[Service]\\n%s\\n" "{command}" > {drop_in}/bad.conf && systemctl daemon-reload',
        f"rm -r {drop_in} && systemctl daemon-reload",
    )
    run = Run(calm.fleet, *words("release", ref="bad-start"))
    undone(run, calm, f"start failed on node3: shop-{idle}.target does not start, because of {unit}: see .*")
    unnoticed(calm)


FPM = "/usr/local/lib/orchestrator/shop/fpm"
"""The program that starts PHP-FPM of both colors."""


@pytest.mark.slow
def test_a_color_that_cannot_start_is_mended_by_the_next_command(calm: Calm, broken: Break) -> None:
    idle = calm.before.idle
    mend = f"sed -i '2{{/^exit 1$/d}}' {FPM}"
    broken("node2", f"sed -i '2i exit 1' {FPM}", mend)
    run = Run(calm.fleet, *words("release", ref="v1"))
    ended(run, 4, f"^release failed: start failed on node2: shop-{idle}.target does not start, because of ")
    left = [line for line in run.lines if line.startswith("NOT UNDONE")]
    assert left
    assert all(line.startswith("NOT UNDONE on node2: ") for line in left), run.text
    calm.untouched("node2")

    calm.fleet.exec("node2", mend)
    after(calm)


@pytest.mark.parametrize(
    ("node", "directory"), [("node1", "releases"), pytest.param("node2", "repo.git", marks=pytest.mark.slow)]
)
def test_a_disk_that_fills_up_while_fetching(calm: Calm, tag: Tag, broken: Break, node: str, directory: str) -> None:
    tag(f"news-for-{directory}", something)
    where = f"/srv/shop/{directory}"
    broken(node, FULL.format(dir=where), ROOM.format(dir=where))
    free = calm.fleet.exec(node, f"df -k --output=avail {where} | tail -n 1").stdout
    assert int(free) == 0
    run = Run(calm.fleet, *words("release", ref=f"news-for-{directory}"))
    undone(run, calm, rf"fetch failed on {node}: no space left on device: {where} has \d+ KiB free")
    unnoticed(calm)


@pytest.mark.slow
def test_ssh_refused_on_one_node(calm: Calm, broken: Break) -> None:
    broken("node1", NO_SSH, SSH)
    run = Run(calm.fleet, *words("release", ref="v1"))
    ended(run, 3, "^release: node1: cannot be reached")
    assert "undoing" not in run.text
    calm.untouched()
    # the rollback does not need the node, only its link lags behind
    rolled = Run(calm.fleet, *words("rollback"))
    assert rolled.end() == 0, rolled.text
    assert "warning: node1: cannot be reached" in rolled.text
    assert calm.fleet.exec("node1", SSH).returncode == 0
    again = Run(calm.fleet, *words("rollback"))
    assert again.end() == 0, again.text
    calm.untouched()
    calm.no_request_failed(*(calm.before.release(color) for color in ("blue", "green")))


@pytest.mark.slow
def test_ssh_lost_on_one_node_while_it_fetches(calm: Calm, tag: Tag, broken: Break) -> None:
    tag("weighty", weighty)
    broken("origin", NARROW, WIDE)
    run = Run(calm.fleet, *words("release", ref="weighty"))
    run.wait_for("quiet  ")
    broken("node3", NO_SSH, SSH)
    ended(run, 1, r"^release failed: \w+ failed on node3: ")
    assert [line for line in run.lines if line.startswith("not undone on node3, which does not answer")], run.text
    assert "node3: not undone, and barred until you run deploys/join.py" in run.text
    Calm(calm.fleet, calm.before.barring("node3"), calm.probe).untouched("node3")

    assert calm.fleet.exec("node3", SSH).returncode == 0
    rolled = calm.roll_back()
    assert "settling that run first" in rolled.text
    joined = Run(calm.fleet, *words("join", node="node3"))
    assert joined.end() == 0, joined.text
    after = snapshot(calm.fleet)
    assert after.ready
    assert {after.said[balancer]["barred"] for balancer in ("haproxy", "nginx")} == {""}
    assert after.said["node3"]["releases"] == calm.before.said["node3"]["releases"]
    calm.no_request_failed(*(calm.before.release(color) for color in ("blue", "green")))


@pytest.mark.slow
def test_the_last_word_of_a_unit_is_found_when_the_journal_lags(fleet: Fleet, broken: Break) -> None:
    broken("node1", DIES, ALIVE)
    said = fleet.exec("node1", "/usr/local/lib/orchestrator/shop/said dies.service")
    assert (said.stdout, said.stderr) == ("no database\n", "")
