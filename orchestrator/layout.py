"""All paths on a node and on a balancer, as pure functions of the application's name."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.model import Color

HAPROXY_DIRECTORY = "/etc/haproxy/orchestrator"
"""Our directory in HAProxy's configuration."""


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
        """The directory of the root-owned scripts that provisioning installs, such as guard and inspect.php."""
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
        """PHP's session files, which both colors read; only the web user has access."""
        return f"{self.shared}/sessions"

    def service_socket(self, color: Color, name: str) -> str:
        """The socket at which one of a color's services listens."""
        return f"{self.root}/{color}/run/{name}.sock"

    def service_unit(self, color: Color, name: str) -> str:
        """The systemd unit of one of a color's services."""
        return f"{self.app}-{color}-{name}.service"

    def target(self, color: Color) -> str:
        return f"{self.app}-{color}.target"

    def shrink(self, color: Color, kind: str) -> str:
        """The systemd unit (``timer`` or ``service``) that reduces a color's workers after a long idle time."""
        return f"{self.app}-{color}-shrink.{kind}"

    def shrunk(self, color: Color) -> str:
        """A file that exists while a color has fewer workers."""
        return f"{self.root}/{color}/shrunk"

    def service(self, color: Color) -> str:
        return f"{self.app}-{color}-fpm.service"


@dataclass(frozen=True)
class BalancerLayout:
    """Paths on a balancer."""

    app: str

    @property
    def state(self) -> str:
        """The deploy user's state directory, on a file system where rename(2) is atomic for readers."""
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
        """The socket of HAProxy's Runtime API (level admin), which belongs to the deploy user's group."""
        return f"/run/haproxy/{self.app}.sock"

    @property
    def haproxy_conf(self) -> str:
        """Our configuration file; the distribution's ``haproxy.cfg`` stays unchanged."""
        return f"{HAPROXY_DIRECTORY}/{self.app}.cfg"

    @property
    def ring(self) -> str:
        """HAProxy: the ring buffer of the latest requests."""
        return f"{self.app}_record"

    @property
    def record(self) -> str:
        """The file in which nginx records the requests while traffic is split.

        The deploy user may empty the file, but must not replace it with another file or a link, because nginx opens it
        as root. The file is therefore not in ``state``.
        """
        return f"/var/log/orchestrator/{self.app}/record"

    @property
    def journal(self) -> str:
        return f"{self.state}/journal"

    def backend(self, color: Color) -> str:
        return f"{self.app}_{color}"
