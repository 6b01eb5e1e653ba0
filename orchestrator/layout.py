"""Where everything is on a node and on a balancer: pure functions of the application's name."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.model import Color

HAPROXY_DIRECTORY = "/etc/haproxy/orchestrator"
"""Ours among HAProxy's configuration."""


@dataclass(frozen=True)
class NodeLayout:
    """Paths on an app node."""

    app: str
    root: str  # /srv/<app>

    @property
    def mirror(self) -> str:
        return f"{self.root}/repo.git"

    @property
    def releases(self) -> str:
        return f"{self.root}/releases"

    @property
    def shared(self) -> str:
        return f"{self.root}/shared"

    @property
    def live(self) -> str:
        """The link that names the live color; rename(2) swaps it."""
        return f"{self.root}/live"

    @property
    def guard_dir(self) -> str:
        """Holds ``lock`` (flock) and ``fence`` (a number) of the guard."""
        return f"{self.root}/guard"

    @property
    def library(self) -> str:
        """Root-owned scripts that provisioning installs: guard, inspect.php."""
        return f"/usr/local/lib/orchestrator/{self.app}"

    @property
    def ssh(self) -> str:
        """The program by which git reaches the origin, in the library."""
        return f"{self.library}/ssh"

    @property
    def etc(self) -> str:
        return f"/etc/orchestrator/{self.app}"

    @property
    def origin_key(self) -> str:
        return f"{self.etc}/origin_key"

    @property
    def origin_known_hosts(self) -> str:
        return f"{self.etc}/origin_known_hosts"

    def release(self, release: str) -> str:
        return f"{self.releases}/{release}"

    def color(self, color: Color) -> str:
        return f"{self.root}/{color}"

    def link(self, color: Color) -> str:
        """The link from a color to its release."""
        return f"{self.root}/{color}/release"

    def socket(self, color: Color) -> str:
        return f"{self.root}/{color}/run/fpm.sock"

    @property
    def sessions(self) -> str:
        """PHP's session files, read by both colors; the web user's only."""
        return f"{self.shared}/sessions"

    def service_socket(self, color: Color, name: str) -> str:
        """Where one of a color's services listens."""
        return f"{self.root}/{color}/run/{name}.sock"

    def service_unit(self, color: Color, name: str) -> str:
        """The systemd unit of one of a color's services."""
        return f"{self.app}-{color}-{name}.service"

    def target(self, color: Color) -> str:
        return f"{self.app}-{color}.target"

    def shrink(self, color: Color, kind: str) -> str:
        """The systemd unit, ``timer`` or ``service``, that gives a color fewer workers when it is idle for long."""
        return f"{self.app}-{color}-shrink.{kind}"

    def shrunk(self, color: Color) -> str:
        """A file that is there while a color has fewer workers."""
        return f"{self.root}/{color}/shrunk"

    def service(self, color: Color) -> str:
        return f"{self.app}-{color}-fpm.service"


@dataclass(frozen=True)
class BalancerLayout:
    """Paths on a balancer."""

    app: str

    @property
    def state(self) -> str:
        """Owned by the deploy user; on a file system where rename(2) is atomic for readers."""
        return f"/var/lib/orchestrator/{self.app}"

    @property
    def library(self) -> str:
        return f"/usr/local/lib/orchestrator/{self.app}"

    @property
    def guard_dir(self) -> str:
        return f"{self.state}/guard"

    @property
    def weights_map(self) -> str:
        """HAProxy: a map file of one line, ``green <0..100>``."""
        return f"{self.state}/weights.map"

    @property
    def weight_link(self) -> str:
        """nginx: a link to ``weights/<0..100>``, green's share."""
        return f"{self.state}/weight"

    @property
    def weights(self) -> str:
        """nginx: 101 empty directories, 0 to 100, that the link may point to."""
        return f"{self.state}/weights"

    @property
    def haproxy_socket(self) -> str:
        """HAProxy's Runtime API; group of the deploy user, level admin."""
        return f"/run/haproxy/{self.app}.sock"

    @property
    def haproxy_conf(self) -> str:
        """Our file; the distribution's ``haproxy.cfg`` stays as it is."""
        return f"{HAPROXY_DIRECTORY}/{self.app}.cfg"

    @property
    def ring(self) -> str:
        """HAProxy: the ring buffer of the latest requests."""
        return f"{self.app}_record"

    @property
    def record(self) -> str:
        """File in which nginx records the requests while traffic is split.

        The deploy user may empty it, but must not put another file or a link in its place, since nginx opens it as
        root. So it is not in ``state``.
        """
        return f"/var/log/orchestrator/{self.app}/record"

    @property
    def journal(self) -> str:
        return f"{self.state}/journal"

    def backend(self, color: Color) -> str:
        return f"{self.app}_{color}"
