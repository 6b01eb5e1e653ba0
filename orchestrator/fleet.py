"""pyinfra glue: our own order, barriers and deadlines over an inventory's hosts.

pyinfra drops a host that fails and goes on, in random order, and its timeouts do not cover a frozen host
(notes/pyinfra.md); here every host has a reply, in the order asked, by its deadline.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import gevent
import gevent.pool
from paramiko import SSHException
from pyinfra.api.command import StringCommand
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.host import Host
from pyinfra.api.state import State
from pyinfra.context import ctx_config, ctx_host

from orchestrator.config import Settings
from orchestrator.config.switch import BalancerSwitch, Switch
from orchestrator.environment import Variables
from orchestrator.errors import CommandFailed, OrchestratorError, UsageError
from orchestrator.errors import Silent as Silent
from orchestrator.mask import Mask
from orchestrator.switches import Api, kind_of

T = TypeVar("T")

PING = 3.0
"""Seconds in which a host that missed a deadline has to answer at all, or it counts as lost."""


@dataclass(frozen=True)
class Reply(Generic[T]):
    """What came of asking a host.

    + value: None if it failed
    + error: None if it did not
    + lost: the host did not answer at all
    + output: what a failed command printed, its last lines
    """

    name: str
    value: T | None
    error: str | None
    lost: bool
    seconds: float
    output: tuple[str, ...] = ()


class Fleet:
    """The hosts of one inventory: app nodes and balancers."""

    def __init__(self, state: State, settings: Settings) -> None:
        self.state = state
        self.settings = settings
        self.nodes = self._group(settings.nodes)
        self.balancers = {
            name: switch.kind
            for switch in settings.switches
            if isinstance(switch, BalancerSwitch)
            for name in self._group(switch.group)
        }
        self.apis = {
            name: made
            for switch in settings.switches
            if (made := self._api(switch)) is not None
            for name in [getattr(switch, "name", switch.kind)]
        }
        """Switches behind an API, by name."""
        self.is_switch = any(switch.kind == "node" for switch in settings.switches)
        """Each node is a switch itself, by its ``live`` link."""
        self.mask = Mask(settings)
        """What is shown or recorded of what hosts said goes through it."""
        self.variables = Variables(settings.environment, self.mask)
        """What a release's environment file is written from."""
        if not self.nodes:
            raise UsageError(f"inventory group {settings.nodes} has no nodes")

    def _group(self, group: str) -> list[str]:
        known = [name for name in self.state.inventory.groups if not name.startswith("@")]
        if group not in self.state.inventory.groups:
            raise UsageError(f"the inventory has no group {group} (it has {', '.join(known)})")
        return [host.name for host in self.state.inventory.get_group(group)]

    def _api(self, switch: Switch) -> Api | None:
        if switch.kind == "node":
            return None
        kind = kind_of(switch.kind)
        if not issubclass(kind, Api):
            return None
        members = {name: str(self.host(name).data.get("target") or self.address(name)) for name in self.nodes}
        return kind(switch, members, self.settings.ports)

    def has(self, name: str) -> bool:
        """Whether the inventory has a host; a run that goes on may name one that has been taken away since."""
        return name in self.state.inventory.hosts

    def host(self, name: str) -> Host:
        return self.state.inventory.get_host(name)

    def address(self, name: str) -> str:
        """How the balancers reach a node: its ``address``, else its SSH host name, else its name."""
        if not self.has(name):
            return name
        data = self.host(name).data
        return str(data.get("address") or data.get("ssh_hostname") or name)

    def prepare_connections(self) -> None:
        """Small packets at once: 46 ms an operation become 4 ms (measured, notes/pyinfra.md)."""
        for host in self.state.inventory:
            client = getattr(host.connector, "client", None)
            transport = client.get_transport() if client else None
            raw = getattr(transport, "sock", None)
            # a host that refused to talk left a closed socket behind
            if isinstance(raw, socket.socket) and raw.fileno() >= 0:
                raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def each(self, names: Iterable[str], act: Callable[[Host], T], deadline: float) -> list[Reply[T]]:
        """Act on all hosts at once; a reply each, in their order; returns when the last one is there or late.

        + deadline: seconds for each
        """
        return at_once([lambda name=name: self.one(name, act, deadline) for name in names])  # type: ignore[misc]

    def one(self, name: str, act: Callable[[Host], T], deadline: float) -> Reply[T]:
        """Act on one host, at most for so many seconds."""
        if not self.has(name):
            return Reply(name, None, f"node {name} is not in the inventory any more", True, 0.0)
        host = self.host(name)
        began = time.monotonic()

        def reply(
            value: T | None, error: str | None = None, lost: bool = False, output: tuple[str, ...] = ()
        ) -> Reply[T]:
            return Reply(name, value, error, lost, time.monotonic() - began, output)

        if not host.connected:
            return reply(None, "cannot be reached", lost=True)
        late = gevent.Timeout(deadline)
        try:
            with late, ctx_config.use(self.state.config.copy()), ctx_host.use(host):
                return reply(act(host))
        except gevent.Timeout as timeout:
            if timeout is not late:
                raise
            lost = not self.answers(host)
            return reply(None, f"took longer than {deadline:g} s" + (" and does not answer" if lost else ""), lost)
        except CommandFailed as failure:
            if not str(failure) and not self.answers(host):
                return reply(None, "stopped answering", lost=True)
            return reply(None, str(failure) or "failed without a word", output=failure.output)
        except (Silent, OSError, EOFError, SSHException) as failure:
            return reply(None, str(failure) or "stopped answering", lost=not self.answers(host))
        except (PyinfraError, OrchestratorError) as failure:
            return reply(None, str(failure))

    def answers(self, host: Host) -> bool:
        """Whether a host answers within PING seconds; a broken connection is made anew."""
        for attempt in range(2):
            try:
                with gevent.Timeout(PING, Silent("no answer")):
                    if attempt:
                        host.disconnect()
                        host.connect(raise_exceptions=True)
                        self.prepare_connections()
                    with ctx_config.use(self.state.config.copy()), ctx_host.use(host):
                        if host.run_shell_command("true")[0]:
                            return True
            except (Silent, OSError, EOFError, SSHException, PyinfraError):
                continue
        return False

    def operate(
        self, host: Host, operation: Callable[..., Any], stdin: str | None = None, **arguments: Any
    ) -> list[str]:
        """Run one of our operations now; the lines it printed. Raises CommandFailed."""
        # a greenlet that a deadline ended may have left the flag behind
        host.in_op = False
        extra = {"_stdin": stdin} if stdin is not None else {}
        meta = operation(**arguments, **extra, _ignore_errors=True)
        if meta.did_error():
            said = [*meta.stdout_lines, *meta.stderr_lines]
            raise CommandFailed(_last(meta.stderr_lines) or _last(meta.stdout_lines), said)
        return list(meta.stdout_lines)

    def look(self, host: Host, fact: type[Any], stdin: str | None = None, **arguments: Any) -> Any:
        """A fact, always asked anew; its default if the host could not say."""
        extra = {"_stdin": stdin} if stdin is not None else {}
        return host.get_fact(fact, **arguments, **extra, _ignore_errors=True)

    def shell(self, host: Host, command: StringCommand, stdin: str = "") -> list[str]:
        """Run a command beside pyinfra's operations; its lines. Raises CommandFailed."""
        with ctx_config.use(self.state.config.copy()), ctx_host.use(host):
            good, output = host.run_shell_command(command, _stdin=stdin)
        if not good:
            raise CommandFailed(_last(output.stderr_lines) or _last(output.stdout_lines))
        return list(output.stdout_lines)


def at_once(acts: Sequence[Callable[[], T]]) -> list[T]:
    """Run all, each in a greenlet of its own; their results in order. Interrupted, it ends them all."""
    if not acts:
        return []
    pool = gevent.pool.Pool(len(acts))
    greenlets = [pool.spawn(act) for act in acts]
    try:
        return [greenlet.get() for greenlet in greenlets]
    except BaseException:
        pool.kill()
        raise


def _last(lines: Sequence[str]) -> str:
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
