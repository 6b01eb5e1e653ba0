"""Starts the double, for a test in this process or for commands of others.

    where = {("172.18.0.3", 8081): ("127.0.0.1", 32801), ("172.18.0.3", 8082): ("127.0.0.1", 32802)}
    with Double({"node1": "172.18.0.3"}, Ports(), where) as alb:
        settings["switches"] = [alb.settings]
        subprocess.run([...], env={**os.environ, **alb.env})

``alb.urls`` are the balancer's addresses, ``alb.switch()`` is a switch of it, ``alb.elb`` a client of its API.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from orchestrator.config.ports import Ports
from orchestrator.config.switch import AlbSwitch
from orchestrator.model import Color
from orchestrator.switches.alb.switch import Alb
from tests.alb.control import REGION, Names
from tests.aws.cloud import client

ADDRESSES = ("127.0.77.101", "127.0.77.102", "127.0.77.103")

ROOT = Path(__file__).resolve().parents[2]


class Process:
    """The double's process. It serves one balancer after another, because its start takes seconds."""

    def __init__(self) -> None:
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.alb.service"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def tell(self, **command: Any) -> dict[str, Any]:
        """The answer to a command."""
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps(command), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            self._log.seek(0)
            raise RuntimeError(f"the double ended:\n{self._log.read()[-4000:]}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def stop(self) -> int:
        """End it; its status."""
        assert self._process.stdin
        self._process.stdin.close()
        try:
            return self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait(10)
        finally:
            self._log.close()


@dataclass
class Double:
    """+ members: node -> target id (an IP address)
    + ports: of the colors
    + where: target id and port -> the address and port that really answer; default the target's own
    + delay: least and most seconds until a node of the balancer adopts a change; each node draws its own
    + seed: of the delays, and of everything else that is random
    + stickiness: seconds for which the rule keeps a client on a color, 0 for none
    + renew: whether each answer renews the stickiness cookie
    + interval: seconds between two health checks
    + check: health check of the targets, as for CreateTargetGroup (``{"HealthCheckPath": "/health"}``)
    + drain: seconds that a deregistered target drains
    + process: a process that runs already; by default a new one
    """

    members: Mapping[str, str]
    ports: Ports
    where: Mapping[tuple[str, int], tuple[str, int]]
    delay: tuple[float, float] = (0.05, 0.3)
    seed: int = 7
    stickiness: int = 0
    renew: bool = True
    interval: float = 0.25
    check: Mapping[str, Any] | None = None
    drain: int = 300
    addresses: tuple[str, ...] = ADDRESSES
    process: Process | None = None

    def __enter__(self) -> Self:
        self._process = self.process or Process()
        where = {f"{id}:{port}": address for (id, port), address in self.where.items()}
        config = {
            "members": list(self.members.values()),
            "blue": self.ports.blue,
            "green": self.ports.green,
            "where": where,
            "addresses": self.addresses,
            "stickiness": self.stickiness,
            "delay": self.delay,
            "seed": self.seed,
            "interval": self.interval,
            "renew": self.renew,
            "check": dict(self.check or {}),
            "drain": self.drain,
        }
        self.ready = self._process.tell(do="make", config=config)
        self.names = Names(**{name: self.ready[name] for name in Names.__dataclass_fields__})
        self.urls: list[str] = self.ready["urls"]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is None:
            self._process.stop()

    @property
    def settings(self) -> dict[str, Any]:
        """The settings section of a switch of this balancer."""
        names = {"rule": self.names.rule, "blue": self.names.blue, "green": self.names.green}
        return {"kind": "alb", "urls": self.urls, "endpoint_url": self.ready["endpoint_url"], **names}

    @property
    def env(self) -> dict[str, str]:
        """Credentials for a command: any will do, but there must be some."""
        return {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_EC2_METADATA_DISABLED": "true"}

    def switch(self) -> Alb:
        """A new switch, as another process would build it."""
        alb = Alb(AlbSwitch.model_validate(self.settings), self.members, self.ports)
        alb._elb.__dict__["_elb"] = self.elb
        alb._elb.__dict__["_cloudwatch"] = client("cloudwatch", self.ready["endpoint_url"])
        return alb

    @cached_property
    def elb(self) -> Any:
        """A client of the control plane."""
        assert self.names.rule.split(":")[3] == REGION
        return client("elbv2", self.ready["endpoint_url"])

    def arn(self, color: Color) -> str:
        return self.names.green if color is Color.green else self.names.blue

    def expire(self, expired: bool = True) -> None:
        """Let the token expire: every call of the API is refused. Or let it be valid again."""
        self._process.tell(do="expire", expired=expired)

    def freeze(self, node: int, frozen: bool = True) -> None:
        """Let one node of the balancer, at ``urls[node]``, adopt no further change. Or let it catch up."""
        self._process.tell(do="freeze", node=node, frozen=frozen)

    def change(self, edit: Callable[[list[dict[str, Any]]], object]) -> None:
        """Change the list of the rule's actions, as another person or program does."""
        actions = self.elb.describe_rules(RuleArns=[self.names.rule])["Rules"][0]["Actions"]
        for action in actions:
            action.pop("TargetGroupArn", None)
        edit(actions)
        self.elb.modify_rule(RuleArn=self.names.rule, Actions=actions)

    def statuses(self) -> dict[str, int]:
        """How often all nodes gave each answer: ``targetgroup/web-blue/... 200``, ``elb 502``."""
        return dict(self._process.tell(do="stats")["statuses"])

    def last(self, color: Color) -> list[float]:
        """Epoch seconds at which each node gave a color its last request; 0 if it never did."""
        name = self.arn(color).split(":", 5)[-1]
        return [float(node.get(name, 0.0)) for node in self._process.tell(do="stats")["last"]]
