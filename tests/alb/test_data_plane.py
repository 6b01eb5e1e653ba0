"""Which way of switching loses requests if every ALB node adopts a change at its own time."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config.ports import Ports
from orchestrator.errors import NotDone
from orchestrator.model import Color, Weights
from orchestrator.switches.alb.cloudwatch import TooEarly
from orchestrator.switches.alb.switch import Alb
from tests.alb.double import Double, Process
from tests.alb.origin import Answer, Client, Load, Origin, answers, until

pytestmark = pytest.mark.exhaustive

PORTS = Ports(live=8080, blue=8081, green=8082)
MEMBERS = {"web1": "10.77.0.11", "web2": "10.77.0.12"}
GREEN, BLUE = Weights(100), Weights(0)
QUIET = 1.0
"""Seconds without a request after which the old color may be stopped."""


class Site:
    """Both colors of all nodes, in this process; the balancer, in a separate process."""

    def __init__(self) -> None:
        self.origins = {(name, color): Origin(color) for name in MEMBERS for color in Color}
        self.alb: Double

    def of(self, color: Color) -> list[Origin]:
        return [origin for (_, one), origin in self.origins.items() if one is color]

    def stop(self, color: Color) -> None:
        for origin in self.of(color):
            origin.stop()

    def silence(self, color: Color) -> float:
        """Seconds since the color's last request, 0 while it answers one."""
        if any(origin.in_flight for origin in self.of(color)):
            return 0.0
        return time.monotonic() - max(origin.last for origin in self.of(color))

    async def shift(self, weights: Weights, switch: Alb | None = None) -> None:
        switch = switch or self.alb.switch()
        await asyncio.to_thread(switch.arm, weights)
        await asyncio.to_thread(switch.shift, weights)

    @property
    def in_flight(self) -> int:
        return sum(origin.in_flight for origin in self.origins.values())

    async def down(self, color: Color, *names: str) -> None:
        """Wait until the balancer takes exactly these nodes of a color for down."""

        async def look() -> bool:
            return (await asyncio.to_thread(self.alb.switch().see)).down[color] == names

        await until(look, 60.0, f"{names} of {color} down")

    async def asked(self, seen: Callable[[], bool]) -> None:
        """Send ten requests again and again until they show it: the data plane learns of a target's health last."""

        async def look() -> bool:
            for origin in self.origins.values():
                origin.answered = 0
            for _ in range(10):
                await get(self)
            return seen()

        await until(look, 60.0, "what the data plane does")

    async def everywhere(self, color: Color, patience: float = 60.0) -> float:
        """Until every address of the balancer answers from a color, several times in a row; seconds it took."""

        async def look() -> bool:
            return all([await answers(url, color) for url in self.alb.urls])

        return await until(look, patience, f"{color} at {self.alb.urls}")

    async def quiet(self, color: Color, patience: float = 60.0, seconds: float = QUIET) -> float:
        async def look() -> bool:
            return self.silence(color) >= seconds

        return await until(look, patience, f"{color} is quiet")

    async def healthy(self, *colors: Color, patience: float = 60.0) -> None:
        async def look() -> bool:
            seen = await asyncio.to_thread(self.alb.switch().see)
            return not any(seen.down[color] for color in colors)

        await until(look, patience, "healthy")


@asynccontextmanager
async def site(process: Process, **given: Any) -> AsyncIterator[Site]:
    """+ given: arguments of ``Double`` other than the defaults"""
    made = Site()
    for origin in made.origins.values():
        await origin.start()
    where = {
        (MEMBERS[name], PORTS.of(color)): ("127.0.0.1", origin.port) for (name, color), origin in made.origins.items()
    }
    made.alb = await asyncio.to_thread(Double(MEMBERS, PORTS, where, process=process, **given).__enter__)
    try:
        await made.healthy(*Color)
        yield made
    finally:
        for origin in made.origins.values():
            origin.stop()


Gate = Callable[[Site], Awaitable[None]]


async def data_plane(made: Site) -> None:
    """The right gate before stopping the old color: every address answers from the new one, the old one is quiet."""
    await made.everywhere(Color.green)
    await made.quiet(Color.blue)


async def control_plane(made: Site) -> None:
    """The wrong gate before stopping the old color: the weights, which ``shift`` has read back already."""


async def more(count: Callable[[], int], wanted: int) -> None:
    """Wait for so many more requests."""
    before = count()

    async def look() -> bool:
        return count() - before >= wanted

    await until(look, 60.0, f"{wanted} more requests")


async def failures(process: Process, gate: Gate, ended: Callable[[Load], int], **given: Any) -> Load:
    """The load during a switch after which blue is stopped as soon as the gate passes.

    + ended: counts requests. The load ends after a hundred more of them
    """
    async with site(process, **given) as made, Load(made.alb.urls).running() as load:
        assert isinstance(load, Load)
        await more(lambda: load.answers[Color.blue], 21)
        await made.shift(GREEN)
        await gate(made)
        made.stop(Color.blue)
        await more(lambda: ended(load), 100)
    return load


@pytest.mark.parametrize(("seed", "delay"), [(1, (0.05, 0.3)), pytest.param(3, (0.8, 1.2), marks=pytest.mark.slow)])
def test_a_verified_switch_that_waits_for_quiet_loses_nothing(
    process: Process, seed: int, delay: tuple[float, float]
) -> None:
    load = asyncio.run(failures(process, data_plane, lambda load: load.answers[Color.green], seed=seed, delay=delay))
    assert load.failures == {}


def test_stopping_the_old_color_on_read_back_weights_loses_some(process: Process) -> None:
    """The mutation that the test above must notice: the gate trusts the control plane."""
    # no node has adopted the weights by then, however busy the machine is
    load = asyncio.run(failures(process, control_plane, lambda load: load.failures["502"], seed=3, delay=(60, 61)))
    print("lost", dict(load.failures), "answered", dict(load.answers))


async def slow_switch(process: Process, seed: int) -> None:
    async with site(process, delay=(2.0, 10.0), seed=seed) as made, Load(made.alb.urls).running() as load:
        await asyncio.sleep(0.3)
        await made.shift(GREEN)
        shifted = time.time()
        await made.everywhere(Color.green, 15.0)
        await made.quiet(Color.blue, 15.0, 3.0)
        last = [at - shifted for at in made.alb.last(Color.blue)]
        print(f"seed {seed}: last request to blue after", ", ".join(f"{at:.1f} s" for at in last))
        assert max(last) > 2.0
        made.stop(Color.blue)
        await asyncio.sleep(3.0)
    assert load.failures == {}


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_with_nodes_that_take_up_to_ten_seconds(process: Process, seed: int) -> None:
    asyncio.run(slow_switch(process, seed))


@pytest.mark.slow
def test_the_naive_way_loses_many_if_nodes_take_ten_seconds(process: Process) -> None:
    async def naive() -> Load:
        async with site(process, delay=(2.0, 10.0)) as made, Load(made.alb.urls).running() as load:
            await made.shift(GREEN)
            made.stop(Color.blue)
            await asyncio.sleep(11.0)
        assert isinstance(load, Load)
        return load

    load = asyncio.run(naive())
    print("lost", dict(load.failures), "answered", dict(load.answers))
    assert load.failures["502"] > 300


@pytest.mark.slow
def test_clients_with_a_renewed_cookie_stay_until_the_detach(process: Process) -> None:
    async def switch() -> None:
        async with site(process, stickiness=2, renew=True) as made, Load(made.alb.urls, cookies=True).running() as load:
            alb = made.alb.switch()
            await asyncio.sleep(0.3)
            await made.shift(GREEN, alb)
            await made.everywhere(Color.green)
            load.recent.clear()
            # longer than a cookie lasts
            await asyncio.sleep(3.0)
            await more(lambda: load.recent[Color.blue], 20)
            assert not load.recent[Color.green]
            assert (await asyncio.to_thread(alb.see)).sticky == 2.0
            await asyncio.to_thread(alb.detach, Color.blue)
            await made.quiet(Color.blue)
            load.recent.clear()
            # it is attached again without a client
            said = await asyncio.to_thread(alb.attach)
            assert said.endswith("2 of 2 targets of blue are healthy")
            await more(lambda: load.recent[Color.green], 20)
            assert not load.recent[Color.blue]
            assert (await asyncio.to_thread(alb.see)).sticky == 2.0
            made.stop(Color.blue)
            await more(lambda: load.answers[Color.green], 20)
        assert load.failures == {}

    asyncio.run(switch())


def test_clients_whose_cookie_is_not_renewed_leave_when_it_ends(process: Process) -> None:
    async def switch() -> None:
        async with (
            site(process, stickiness=2, renew=False) as made,
            Load(made.alb.urls, cookies=True).running() as load,
        ):
            await asyncio.sleep(0.3)
            await made.shift(GREEN)
            shifted = time.monotonic()
            await made.everywhere(Color.green)
            await made.quiet(Color.blue)
            # not before: a cookie wins over the weights
            assert time.monotonic() - shifted > 1.5 + QUIET
            made.stop(Color.blue)
            await more(lambda: load.answers[Color.green], 20)
        assert load.failures == {}

    asyncio.run(switch())


def test_sticky_clients_lose_requests_without_detaching(process: Process) -> None:
    async def switch() -> None:
        async with site(process, stickiness=60) as made, Load(made.alb.urls, cookies=True).running() as load:
            await asyncio.sleep(0.3)
            await made.shift(GREEN)
            await made.everywhere(Color.green)
            made.stop(Color.blue)
            assert isinstance(load, Load)
            await more(lambda: load.failures["502"], 20)

    asyncio.run(switch())


async def cut_on_detach(process: Process, wait: bool) -> Load:
    """Sticky clients leave blue, one address adopts nothing, and blue is stopped: after quiet, or at once."""
    async with site(process, stickiness=2, renew=True) as made, Load(made.alb.urls, cookies=True).running() as load:
        assert isinstance(load, Load)
        alb = made.alb.switch()
        await more(lambda: load.answers[Color.blue], 21)
        await made.shift(GREEN, alb)
        await made.everywhere(Color.green)
        made.alb.freeze(0)
        await asyncio.to_thread(alb.detach, Color.blue)
        # longer than a cookie lasts: an address that knows of no detachment renews it
        await asyncio.sleep(3.0)
        load.recent.clear()
        await more(lambda: load.recent[Color.blue], 10)
        if wait:
            with pytest.raises(AssertionError, match="blue is quiet"):
                await made.quiet(Color.blue, patience=4.0)
            made.alb.freeze(0, frozen=False)
            await made.quiet(Color.blue)
        made.stop(Color.blue)
        await more(lambda: sum(load.answers.values()) + sum(load.failures.values()), 200)
    return load


@pytest.mark.slow
def test_quiet_sees_an_address_that_has_not_adopted_a_detachment(process: Process) -> None:
    assert asyncio.run(cut_on_detach(process, wait=True)).failures == {}


@pytest.mark.slow
def test_a_detached_color_stopped_at_once_loses_old_clients(process: Process) -> None:
    assert asyncio.run(cut_on_detach(process, wait=False)).failures["502"] > 0


def test_an_expired_token_refuses_every_call_and_moves_nothing(process: Process) -> None:
    async def scenario() -> None:
        async with site(process) as made:
            alb = made.alb.switch()
            await made.shift(GREEN, alb)
            await made.everywhere(Color.green)
            made.alb.expire()
            for call in (alb.see, alb.see_weights, lambda: alb.shift(BLUE, back=True), lambda: alb.arm(BLUE)):
                with pytest.raises(NotDone, match=r"the AWS credentials have expired \(ExpiredToken\); log in again"):
                    await asyncio.to_thread(call)
            assert (await get(made)).color == Color.green
            made.alb.expire(False)
            await asyncio.to_thread(lambda: alb.shift(BLUE, back=True))
            await made.everywhere(Color.blue)

    asyncio.run(scenario())


def test_a_frozen_address_keeps_its_weights_until_it_catches_up(process: Process) -> None:
    async def scenario() -> None:
        async with site(process) as made:
            made.alb.freeze(1)
            await made.shift(GREEN)
            with pytest.raises(AssertionError):
                await made.everywhere(Color.green, patience=3.0)
            assert await answers(made.alb.urls[1], Color.blue)
            made.alb.freeze(1, frozen=False)
            await made.everywhere(Color.green)

    asyncio.run(scenario())


def test_a_change_by_others_after_arm_stops_the_shift(process: Process) -> None:
    def sticky(actions: list[dict[str, Any]]) -> None:
        actions[-1]["ForwardConfig"]["TargetGroupStickinessConfig"] = {"Enabled": True, "DurationSeconds": 600}

    async def scenario() -> None:
        async with site(process) as made:
            alb = made.alb.switch()
            await asyncio.to_thread(alb.arm, GREEN)
            made.alb.change(sticky)
            with pytest.raises(NotDone, match="stickiness of the action forward was off and is 600 s now"):
                await asyncio.to_thread(alb.shift, GREEN)
            assert (await get(made)).color == Color.blue

    asyncio.run(scenario())


# --- the double is no kinder than an ALB


async def get(made: Site, path: str = "/") -> Answer:
    return await Client(made.alb.urls[0], keeps=False).get(path)


def test_weights_split_requests_as_cloudwatch_counts_them(process: Process) -> None:
    async def scenario() -> None:
        async with site(process) as made:
            alb = made.alb.switch()
            await made.shift(Weights(30), alb)
            await asyncio.sleep(0.4)
            since = time.time()
            clients = [Client(url) for url in made.alb.urls]
            found = [await client.get("/status/500" if n % 10 == 0 else "/") for n in range(100) for client in clients]
            for client in clients:
                client.close()
            greens = sum(answer.color == Color.green for answer in found)
            assert 50 <= greens <= 130
            begin, end = since // 60 * 60, (time.time() // 60 + 1) * 60
            told = await asyncio.to_thread(lambda: alb.traffic(begin, end, old=Color.blue, now=end + 120))
            assert not isinstance(told, TooEarly)
            blue, green = told.colors[Color.blue], told.colors[Color.green]
            assert green.requests == greens
            assert blue.requests == len(found) - greens
            assert green.errors == sum(one.status == 500 and one.color == Color.green for one in found)
            assert blue.errors == sum(one.status == 500 and one.color == Color.blue for one in found)
            assert blue.p99 is not None
            assert green.p99 is not None
            assert 0.0002 < blue.p99 < 5
            assert blue.slow is not None
            assert 0 <= blue.slow <= 0.05

    asyncio.run(scenario())


def test_bodies_are_streamed_both_ways(process: Process) -> None:
    async def scenario() -> None:
        async with site(process) as made:
            client = Client(made.alb.urls[0])
            big = bytes(range(256)) * 8192
            answer = await client.get("/echo", "POST", big)
            assert (answer.status, answer.body == big) == (200, True)
            assert (await client.get("/", "HEAD")).status == 200
            reader, writer = await asyncio.open_connection("127.0.77.101", int(made.alb.urls[0].split(":")[2][:-1]))
            writer.write(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
            await reader.readuntil(b"tick")
            # before the end
            assert made.in_flight == 1
            writer.close()
            client.close()

    asyncio.run(scenario())


def test_unhealthy_targets_are_left_out_unless_all_are(process: Process) -> None:
    async def scenario() -> None:
        async with site(process) as made:
            sick, well = made.of(Color.blue)
            sick.healthy = False
            await made.down(Color.blue, "web1")
            await made.asked(lambda: sick.answered == 0)
            sick.answered = well.answered = 0
            for _ in range(10):
                assert (await get(made)).status == 200
            assert (sick.answered, well.answered) == (0, 10)
            # fail open
            well.healthy = False
            await made.down(Color.blue, "web1", "web2")
            await made.asked(lambda: sick.answered > 0)
            sick.answered = well.answered = 0
            for _ in range(10):
                assert (await get(made)).status == 200
            assert (sick.answered, well.answered) == (5, 5)
            with pytest.raises(NotDone, match=r"blue must not get traffic: web1 .*ResponseCodeMismatch.*\[503\]"):
                await asyncio.to_thread(made.alb.switch().arm, BLUE)

    asyncio.run(scenario())


def test_a_dead_color_is_502_and_an_empty_one_503(process: Process) -> None:
    async def scenario() -> None:
        async with site(process) as made:
            made.stop(Color.blue)
            assert (await get(made)).status == 502
            targets = [{"Id": id, "Port": PORTS.blue} for id in MEMBERS.values()]
            made.alb.elb.deregister_targets(TargetGroupArn=made.alb.names.blue, Targets=targets)
            await asyncio.sleep(0.5)
            assert (await get(made)).status == 503
            statuses = made.alb.statuses()
            assert (statuses["elb 502"], statuses["elb 503"]) == (1, 1)

    asyncio.run(scenario())


def test_a_group_that_no_rule_names_is_not_checked_and_then_is(process: Process) -> None:
    async def scenario() -> None:
        async with site(process) as made:
            alb = made.alb.switch()
            await asyncio.to_thread(alb.detach, Color.green)
            await asyncio.sleep(0.5)
            found = made.alb.elb.describe_target_health(TargetGroupArn=made.alb.names.green)["TargetHealthDescriptions"]
            assert {one["TargetHealth"]["Reason"] for one in found} == {"Target.NotInUse"}
            made.of(Color.green)[0].healthy = False
            said = await asyncio.to_thread(alb.attach)
            assert "1 of 2 targets of green are healthy, web1 is unhealthy" in said
            assert sum(origin.answered for origin in made.of(Color.green)) == 0

    asyncio.run(scenario())


def test_a_barred_node_gets_nothing_and_comes_back(process: Process) -> None:
    async def scenario() -> None:
        async with site(process) as made, Load(made.alb.urls).running() as load:
            alb = made.alb.switch()
            await asyncio.to_thread(lambda: alb.bar(["web1"], out=True))
            await asyncio.sleep(0.5)
            out = made.origins["web1", Color.blue]
            before = out.answered
            await asyncio.sleep(0.5)
            # except for the slow answer that had begun
            assert out.answered - before <= 1
            assert (await asyncio.to_thread(alb.see)).barred == ("web1",)
            await asyncio.to_thread(lambda: alb.bar(["web1"], out=False))
            await more(lambda: out.answered, 10)
        assert load.failures == {}

    asyncio.run(scenario())


def test_a_cookie_is_worth_what_the_balancer_put_into_it(process: Process) -> None:
    async def scenario() -> None:
        async with site(process, stickiness=60) as made:
            client = Client(made.alb.urls[0], cookies=True)
            assert (await client.get()).color == Color.blue
            name, _, value = client.cookie.partition("=")
            assert name == "AWSALBTG"
            assert made.alb.names.blue.encode() in base64.urlsafe_b64decode(value)
            await made.shift(GREEN)
            await made.everywhere(Color.green)
            assert (await client.get()).color == Color.blue
            client.cookie = "AWSALBTG=nonsense"
            assert (await client.get()).color == Color.green
            client.close()

    asyncio.run(scenario())


@pytest.mark.slow
def test_the_double_is_fast_enough(process: Process) -> None:
    """Clients and origins share one core, so the measured rate is that of the whole setup."""

    async def scenario() -> float:
        async with site(process) as made:
            clients = [Client(made.alb.urls[n % 3]) for n in range(16)]

            async def work(client: Client) -> None:
                for _ in range(60):
                    assert (await client.get()).status == 200

            began = time.monotonic()
            await asyncio.gather(*(work(client) for client in clients))
            rate = 16 * 60 / (time.monotonic() - began)
            for client in clients:
                client.close()
            return rate

    rate = asyncio.run(scenario())
    print(f"{rate:.0f} requests a second")
    assert rate > 300


def test_a_double_of_its_own_ends_with_its_test() -> None:
    with Double(MEMBERS, PORTS, {}) as alb:
        pid = alb._process._process.pid
        assert Path(f"/proc/{pid}").exists()
        assert alb.statuses() == {}
    assert not Path(f"/proc/{pid}").exists()
