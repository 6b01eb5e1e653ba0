"""The double as a separate process: control plane, data plane, and commands on standard input.

Each command is a line of JSON, and so is its answer. The process ends with its standard input, so a test that dies
leaves no process behind. ``tests.alb.double`` starts the process and sends the commands.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import Counter
from contextlib import ExitStack
from typing import Any

import boto3
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.elbv2.models import elbv2_backends
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

from tests.alb.control import REGION, Control, Member, network_of, set_up
from tests.alb.plane import Options, Plane
from tests.alb.snapshot import taken


class Service:
    """Serves one balancer at a time."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        session = boto3.Session("id", "secret", region_name=REGION)
        self._elb, ec2 = (session.client(name, endpoint_url=endpoint) for name in ("elbv2", "ec2"))
        self._network = network_of(ec2)
        self._plane: Plane | None = None
        self._control: Control | None = None
        self._corrections = ExitStack()

    async def answer(self, command: dict[str, Any]) -> dict[str, Any]:
        match command["do"]:
            case "make":
                return await self._make(command["config"])
            case "expire":
                assert self._control
                self._control.expired = command["expired"]
            case "freeze":
                assert self._plane
                self._plane.nodes[command["node"]].freeze(command["frozen"])
            case _:
                return self._stats()
        return {}

    async def _make(self, config: dict[str, Any]) -> dict[str, Any]:
        """Replace the balancer by a new one. The configuration is that of ``tests.alb.double.Double``."""
        if self._plane:
            self._plane.stop()
        self._corrections.close()
        where = {_member(name): (str(host), int(port)) for name, (host, port) in config.pop("where").items()}
        delay, seed, interval, renew = (config.pop(name) for name in ("delay", "seed", "interval", "renew"))
        self._control = control = Control()
        self._plane = Plane(
            Options(tuple(delay), seed, interval, renew, where), config.pop("addresses"), control.metrics
        )
        control.health = self._plane.health
        self._corrections.enter_context(control.corrected())
        backend = elbv2_backends[DEFAULT_ACCOUNT_ID][REGION]
        backend.reset()
        names = await asyncio.to_thread(lambda: set_up(self._elb, self._network, **config))
        await self._plane.start(lambda: taken(backend, names.listener))
        return {"endpoint_url": self._endpoint, "urls": [node.url for node in self._plane.nodes], **vars(names)}

    def _stats(self) -> dict[str, Any]:
        assert self._plane
        statuses: Counter[str] = Counter()
        for node in self._plane.nodes:
            statuses += node.statuses
        last = [{arn.split(":", 5)[-1]: at for arn, at in node.last.items()} for node in self._plane.nodes]
        return {"statuses": statuses, "last": last}


async def serve() -> None:
    """Serve commands until standard input ends."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    service = await asyncio.to_thread(Service, f"http://{host}:{port}")
    # one after another: this is the only writer
    while line := await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(await service.answer(json.loads(line))), flush=True)
    # at once: clients that keep their connections open would delay it
    os._exit(0)


def _member(name: str) -> Member:
    id, _, port = name.rpartition(":")
    return Member(id, int(port))


if __name__ == "__main__":
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    asyncio.run(serve())
