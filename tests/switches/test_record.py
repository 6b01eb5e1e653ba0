"""The sums that awk on the balancers makes from their records: real lines of HAProxy 2.6 and nginx 1.22."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from orchestrator.comparison.traffic import Traffic, bucket
from orchestrator.errors import CannotTell
from orchestrator.layout import BalancerLayout
from orchestrator.model import Color
from orchestrator.switches import balancer


class Place:
    """A directory that stands for a balancer. Its weight was set 100 seconds before `now`."""

    def __init__(self, path: Path, kind: str) -> None:
        self.path, self.balancer = path, balancer(kind, BalancerLayout("shop"))
        self.now = time.time()
        self.armed = self.now - 100
        self.state = path / "var/lib/orchestrator/shop"
        self.state.mkdir(parents=True)
        self.weight("weights.map" if kind == "haproxy" else "weight", self.armed)

    def weight(self, name: str, at: float) -> None:
        (self.state / name).write_text("green 25\n")
        os.utime(self.state / name, (at, at))

    def ms(self, ago: float) -> int:
        """A time `ago` seconds before now, in milliseconds."""
        return round((self.now - ago) * 1000)

    def lines(self, *words: str) -> list[str]:
        return self.run(self.balancer.record, *words)

    def run(self, script: str, *words: str) -> list[str]:
        moved = script.replace("/var/", f"{self.path}/var/")
        path = f"{self.path}:{os.environ['PATH']}"
        done = subprocess.run(
            ["sh", "-c", moved, "record", *words], capture_output=True, text=True, env={**os.environ, "PATH": path}
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.splitlines()

    def read(self, *words: str) -> dict[Color, Traffic]:
        return self.balancer.traffic(self.lines(*words))


class HAProxy(Place):
    def __init__(self, path: Path) -> None:
        super().__init__(path, "haproxy")
        self.up(1000)
        (path / "rings").write_text(
            "    buf0       : type=buffer, 0 dropped, in-memory ring buffer\n"
            "    shop_record : type=buffer, 0 dropped, size=1048576\n"
        )
        socat = path / "socat"
        socat.write_text(f"""#!/bin/sh
read -r verb what ring
case "$verb $what $ring" in
"show info ") cat {path}/info ;;
"show events ") cat {path}/rings ;;
"show events shop_record") cat {path}/ring ;;
esac
""")
        socat.chmod(0o755)

    def up(self, seconds: int) -> None:
        (self.path / "info").write_text(f"Name: HAProxy\nUptime: 0d 0h\nUptime_sec: {seconds}\n")

    def ring(self, *lines: str) -> None:
        (self.path / "ring").write_text("".join(f"{line}\n" for line in lines))


class Nginx(Place):
    def __init__(self, path: Path) -> None:
        super().__init__(path, "nginx")
        self.record = path / "var/log/orchestrator/shop/record"
        self.record.parent.mkdir(parents=True)

    def write(self, *lines: str) -> None:
        self.record.write_text("".join(f"{line}\n" for line in lines))


@pytest.fixture
def haproxy(tmp_path: Path) -> HAProxy:
    return HAProxy(tmp_path)


@pytest.fixture
def nginx(tmp_path: Path) -> Nginx:
    return Nginx(tmp_path)


def test_haproxys_lines_are_counted_by_color(haproxy: HAProxy) -> None:
    haproxy.ring(
        f"{haproxy.ms(200)} shop_blue 200 -- 0 0 0 9 9 - ; 10.0.0.1:1 node2 85 289 2/2/",
        f"{haproxy.ms(50)} shop_blue 200 -- 3 1 2 20 400 - ; 10.0.0.1:1 node2 85",  # a long download
        f"{haproxy.ms(40)} shop_green 500 -- 0 0 0 7 7 - ; 10.0.0.1:1 node1",
        f"{haproxy.ms(30)} shop_green 503 SC 0 0 -1 -1 3003 - ; 10.0.0.1:1 <NOSRV>",
        f"{haproxy.ms(20)} shop_green 200 CD 0 0 0 303 350 - ; 10.0.0.1:1 node1",  # the client left during the download
        f"{haproxy.ms(10)} shop 503 LR -1 -1 -1 -1 0 - ; 10.0.0.1:1 <NOSRV>",  # HAProxy's own answer, no color's
        f"{haproxy.ms(20)} shop_green 500 -- 0 0 0 30 35 1 ; 10.0.0.1:1 node1",  # a preview
        f"{haproxy.ms(9)} shop 400 CR -1 -1 -1 -1 0 - ; 10.0.0.1:1 <NOSRV>",
    )
    found = haproxy.read()
    blue = found[Color.blue]
    assert blue == Traffic(1, 0, 0, {23: 1}, True, blue.begin, blue.end)
    assert blue.begin == pytest.approx(haproxy.armed, abs=0.01)
    assert blue.end is not None
    assert haproxy.now - 0.1 < blue.end < time.time() + 0.1
    assert (found[Color.green].requests, found[Color.green].errors) == (3, 2)
    assert found[Color.green].times == {7: 1, bucket(3003): 1, bucket(303): 1}


def test_haproxy_records_only_the_wait_of_a_client_that_left(haproxy: HAProxy) -> None:
    haproxy.ring(f"{haproxy.ms(20)} shop_green 400 CH 10 0 0 -1 5010 - ; 10.0.0.1:1 node1")
    green = haproxy.read()[Color.green]
    assert (green.requests, green.errors, green.gone, green.times) == (0, 0, 1, {bucket(5000): 1})


def test_a_request_from_before_the_weight_is_not_compared(haproxy: HAProxy) -> None:
    haproxy.ring(
        f"{haproxy.ms(90)} shop_blue 200 -- 0 0 0 20000 20000 - ;",
        f"{haproxy.ms(90)} shop_blue 200 -- 0 0 0 5000 5000 - ;",
    )
    assert haproxy.read()[Color.blue].requests == 1


def test_windows_that_follow_each_other_have_each_request_once(haproxy: HAProxy) -> None:
    lines = [f"{haproxy.ms(90 - number / 100)} shop_blue 200 -- 0 0 0 {number} {number} - ;" for number in range(1000)]
    haproxy.ring(*lines)
    middle = f"{haproxy.now - 85.5:.3f}"
    first, second = haproxy.read("", middle)[Color.blue], haproxy.read(middle, "")[Color.blue]
    assert first.end == second.begin == float(middle)
    assert first.requests > 0
    assert second.requests > 0
    both, whole = first + second, haproxy.read()[Color.blue]
    assert (both.requests, both.times) == (whole.requests, whole.times) == (1000, both.times)


def test_a_window_begins_no_earlier_than_its_weight(haproxy: HAProxy) -> None:
    haproxy.ring(f"{haproxy.ms(200)} shop_blue 200 -- 0 0 0 9 9 - ;")
    blue = haproxy.read(f"{haproxy.now - 500:.3f}")[Color.blue]
    assert blue.requests == 0
    assert blue.begin == pytest.approx(haproxy.armed, abs=0.01)


@pytest.mark.parametrize(
    ("oldest", "up", "lines", "complete"),
    [
        (50, 1000, 12_000, True),
        (200, 1000, 1, True),  # its oldest line is older than the window
        (50, 1000, 1, True),  # no request came before
        (50, 1000, 14_000, False),  # the ring is full and begins within the window
        (200, 50, 1, False),  # HAProxy began anew within the window
    ],
)
def test_a_ring_that_ran_over_says_so(haproxy: HAProxy, oldest: int, up: int, lines: int, complete: bool) -> None:
    haproxy.up(up)
    haproxy.ring(*[f"{haproxy.ms(oldest)} shop_blue 200 -- 0 0 0 9 9 - ; 10.0.0.1:1 node1 85 289 2/2/0/0"] * lines)
    assert haproxy.read()[Color.blue].complete is complete


def test_haproxys_line_about_its_start_is_no_request(haproxy: HAProxy) -> None:
    haproxy.ring("Proxy shop started.", f"{haproxy.ms(20)} shop_blue 200 -- 0 0 0 7 7 - ; 10.0.0.1:1 node1")
    assert haproxy.read()[Color.blue].times == {7: 1}


def test_nothing_in_the_ring_is_no_traffic(haproxy: HAProxy) -> None:
    haproxy.ring()
    assert haproxy.read()[Color.green].requests == 0


@pytest.mark.parametrize("line", ["No such event sink", "Unknown command", "1764 shop_blue 200 -- 0 0 0 9 123"])
def test_a_ring_of_another_form_cannot_be_read(haproxy: HAProxy, line: str) -> None:
    haproxy.ring(line)
    with pytest.raises(CannotTell, match="shop_record"):
        haproxy.read()


def test_a_haproxy_that_does_not_answer_cannot_be_read(haproxy: HAProxy) -> None:
    (haproxy.path / "info").write_text("")
    with pytest.raises(CannotTell, match="does not answer"):
        haproxy.read()


def test_nginx_lines_are_counted_by_color(nginx: Nginx) -> None:
    nginx.write(
        f"{nginx.now - 200:.3f};shop_blue;200;0.009;0.009;0.009",
        f"{nginx.now - 50:.3f};shop_blue;200;0.400;0.023;0.030",
        f"{nginx.now - 40:.3f};shop_green;500;0.007;0.007;0.007",
        f"{nginx.now - 30:.3f};shop_green;502;2.003;-, -;2.001, 0.002",
        f"{nginx.now - 29:.3f};shop_green;200;0.320;-, 0.015;0.300, 0.020",  # a second node answered
        f"{nginx.now - 20:.3f};shop_green;499;5.000;-;5.000",
        f"{nginx.now - 20:.3f};shop_green;400;0.297;-;0.297",  # the client left while it sent
        f"{nginx.now - 10:.3f};shop_green;413;0.000;-;-",  # nginx's own answer: no color was asked
        f"{nginx.now - 10:.3f};;400;0.002;-;-",
        f"{nginx.now + 86_400:.3f};shop_green;200;0.001;0.001;0.001",  # later than now
    )
    found = nginx.read()
    assert (found[Color.blue].requests, found[Color.blue].times, found[Color.blue].complete) == (1, {23: 1}, True)
    green = found[Color.green]
    assert (green.requests, green.errors, green.gone) == (3, 2, 2)
    assert green.times == {7: 1, bucket(297): 1, bucket(2003): 1, bucket(315): 1, bucket(5000): 1}
    # requests that nginx has not written yet are left for the next window
    assert green.end is not None
    assert nginx.now - 1.6 < green.end < time.time() - 1.4


@pytest.mark.parametrize(("cut", "complete"), [(200, True), (50, False)])
def test_a_record_that_was_emptied_says_so(nginx: Nginx, cut: int, complete: bool) -> None:
    nginx.write(f"cut;{nginx.now - cut:.0f}", f"{nginx.now - 40:.3f};shop_green;200;0.007;0.007;0.007")
    assert nginx.read()[Color.green].complete is complete


def test_a_record_of_another_form_cannot_be_read(nginx: Nginx) -> None:
    nginx.write('10.0.0.1 - - [25/Nov/2026] "GET / HTTP/1.1" 200')
    with pytest.raises(CannotTell, match="unknown format"):
        nginx.read()


def test_a_line_that_is_half_written_is_no_reason_not_to_read(nginx: Nginx) -> None:
    nginx.write(*[f"{nginx.now - 40:.3f};shop_green;200;0.007;0.007;0.007"] * 100, f"{nginx.now - 40:.3f};shop_gr")
    assert nginx.read()[Color.green].requests == 100


@pytest.mark.parametrize(("weight", "emptied"), [(0, True), (100, True), (25, False)])
def test_arming_nginx_empties_its_record_while_it_is_not_written(nginx: Nginx, weight: int, emptied: bool) -> None:
    nginx.write("1;shop_green;200;0.007;0.007;0.007")
    (nginx.state / "weight").unlink()
    (nginx.state / "weight").symlink_to(f"weights/{weight}")
    (nginx.state / "weights/5").mkdir(parents=True)
    (nginx.path / "systemctl").write_text("#!/bin/sh\necho active\n")
    (nginx.path / "systemctl").chmod(0o755)
    nginx.run(nginx.balancer.arm, "5")
    assert (nginx.record.read_text() == "") is emptied


def test_arming_nginx_does_not_need_the_record(nginx: Nginx) -> None:
    test_arming_nginx_empties_its_record_while_it_is_not_written(nginx, 0, True)
    nginx.record.unlink()
    nginx.run(nginx.balancer.arm, "5")
    assert not nginx.record.exists()


def test_without_a_record_nginx_cannot_be_read(nginx: Nginx) -> None:
    with pytest.raises(CannotTell, match=r"run deploys/provision\.py"):
        nginx.read()


@pytest.mark.parametrize("kind", ["haproxy", "nginx"])
def test_no_output_is_not_no_traffic(kind: str) -> None:
    with pytest.raises(CannotTell):
        balancer(kind, BalancerLayout("shop")).traffic([])
