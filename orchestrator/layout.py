"""Derive all paths and names on nodes and balancers from the name of the deployment. All functions are pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from orchestrator.model import Color

HAPROXY_DIRECTORY = "/etc/haproxy/orchestrator"
"""Directory of the orchestrator's configuration files for HAProxy: one file ``<name>.cfg`` for each deployment."""

HEALTH = "/.orchestrator/health"
"""The URL path at which each color answers with its release's health page (the setting ``gate.path``)."""

PAGE = "/.orchestrator/maintenance"
"""The URL path of an internal redirect of nginx on a balancer. The answer is the page of maintenance.

A client that requests this path gets status 404.
"""


@dataclass(frozen=True)
class NodeLayout:
    """The paths of an application on a node, and the names of its systemd units.

    + name: name of the deployment (``Settings.name``)
    + root: directory of the deployment, such as ``/srv/<name>``
    """

    name: str
    root: str

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
        """The symlink that names the live color. rename(2) replaces the symlink atomically."""
        return f"{self.root}/live"

    @property
    def guard_dir(self) -> str:
        """The directory of the guard's files: ``lock`` (for flock) and ``fence`` (the highest run number seen)."""
        return f"{self.root}/guard"

    @property
    def drain_mark(self) -> str:
        """The file that makes nginx end each connection after its next answer, while the file exists."""
        return f"{self.guard_dir}/drain"

    @property
    def library(self) -> str:
        """The directory of the scripts that provisioning installs as root, such as the guard and ``inspect.php``."""
        return f"/usr/local/lib/orchestrator/{self.name}"

    @property
    def ssh(self) -> str:
        """The program that git runs to reach the origin by SSH."""
        return f"{self.library}/ssh"

    @property
    def as_web(self) -> str:
        """The program with which the web user runs a command of the settings, such as a build step or a hook.

        Sudo runs the program as root.
        """
        return f"{self.library}/as-web"

    @property
    def console(self) -> str:
        """The program with which the web user runs a command of `orchestrator exec`. Sudo runs it as the web user."""
        return f"{self.library}/console"

    @property
    def etc(self) -> str:
        return f"/etc/orchestrator/{self.name}"

    @property
    def provisioned(self) -> str:
        """The file with a digest of each setting that provisioning has applied on this node."""
        return f"{self.etc}/provisioned"

    @property
    def inventory(self) -> str:
        """The identity file, which says which inventory has provisioned this host (``config/identity.py``)."""
        return f"{self.etc}/inventory"

    @property
    def kept_web_user(self) -> str:
        """The record of the web user to whom kept shared data belongs, after the application was removed."""
        return f"{self.etc}.web_user"

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
        """Return the path of the symlink from a color to its release."""
        return f"{self.root}/{color}/release"

    def socket(self, color: Color) -> str:
        return f"{self.root}/{color}/run/fpm.sock"

    @property
    def sessions(self) -> str:
        """The directory of PHP's session files, which both colors use. Only the web user has access to it."""
        return f"{self.shared}/sessions"

    def service_socket(self, color: Color, name: str) -> str:
        """Return the path of the socket at which a service of a color listens."""
        return f"{self.root}/{color}/run/{name}.sock"

    def listens(self, color: Color, name: str) -> str:
        """Return the name of the file in `STACK` that says where a service of a color listens.

        An example is ``listen-blue-chat``. Only the name of the service may contain hyphens. Therefore the files of
        different services have different names.
        """
        return f"listen-{color}-{name}"

    def service_unit(self, color: Color, name: str) -> str:
        """Return the name of the systemd unit of a color's service."""
        return f"{self.name}-{color}-{name}.service"

    def worker_unit(self, color: Color, name: str) -> str:
        """Return the name of the systemd template unit of a color's worker. Each process is an instance of the unit."""
        return f"{self.name}-{color}-{name}@.service"

    @property
    def workers_unit(self) -> str:
        """The name of the systemd unit that starts the workers at boot."""
        return f"{self.name}-workers.service"

    @property
    def workers(self) -> str:
        """The program that starts and stops the workers of a color. Sudo runs the program as root."""
        return f"{self.library}/workers"

    @property
    def schedule_target(self) -> str:
        """The name of the systemd target that starts the timers of the schedules."""
        return f"{self.name}-schedule.target"

    def schedule_unit(self, name: str, kind: str) -> str:
        """Return the name of a systemd unit of a schedule, which belongs to no color.

        + kind: ``timer`` or ``service``
        """
        return f"{self.name}-schedule-{name}.{kind}"

    def target(self, color: Color) -> str:
        return f"{self.name}-{color}.target"

    def shrink(self, color: Color, kind: str) -> str:
        """Return the name of the systemd unit that restarts a color with fewer workers when the soak time is over.

        + kind: ``timer`` or ``service``
        """
        return f"{self.name}-{color}-shrink.{kind}"

    def shrunk(self, color: Color) -> str:
        """Return the path of a file that exists while a color runs with fewer workers."""
        return f"{self.root}/{color}/shrunk"

    def service(self, color: Color) -> str:
        return f"{self.name}-{color}-fpm.service"

    STACK: ClassVar[str] = ".release/stack"
    """Directory with the configuration of nginx, PHP-FPM and services for the color that runs a release.

    The path is relative to the directory of the release.
    """

    PUBLIC: ClassVar[str] = f"{STACK}/public"
    """Symlink to the document root of a release. The path is relative to the directory of the release."""

    def nginx(self, color: Color) -> str:
        """Return the name of the systemd unit of a color's own nginx."""
        return f"{self.name}-{color}-nginx.service"

    @property
    def firewall_unit(self) -> str:
        """The name of the systemd unit that loads the firewall at boot."""
        return f"{self.name}-firewall.service"

    def nginx_run(self, color: Color) -> str:
        """Return the directory of the socket and the pid file of a color's nginx. The web user owns the directory."""
        return f"/run/orchestrator/{self.name}-{color}-nginx"

    def nginx_socket(self, color: Color) -> str:
        """Return the path of the socket at which a color's nginx listens, in addition to the color's port."""
        return f"{self.nginx_run(color)}/socket"

    def listen(self, color: Color) -> str:
        """Return the path of the file that names the color's port. The color's nginx includes this file."""
        return f"{self.nginx_run(color)}.listen"

    @property
    def web_user_record(self) -> str:
        """The file with the names of the web users to whom the files of the application may belong.

        The file exists only if the web user has changed since the first provisioning.
        """
        return f"{self.etc}/web_user"

    @property
    def nginx_servers(self) -> str:
        """The file with the nginx settings that belong to a node and not to a release, such as the probe token.

        The nginx of each color includes this file.
        """
        return f"{self.etc}/servers.nginx"

    def logs(self, color: Color) -> str:
        """Return the directory of the access log of a color's nginx."""
        return f"/var/log/orchestrator/{self.name}/{color}"

    def cache(self, color: Color) -> str:
        """Return the directory of the temporary files of a color's nginx."""
        return f"/var/cache/orchestrator/{self.name}-{color}"


@dataclass(frozen=True)
class BalancerLayout:
    """The paths and names of an application on a balancer.

    + name: name of the deployment (``Settings.name``)
    """

    name: str

    @property
    def state(self) -> str:
        """The directory of the switch's state, such as the weights.

        The directory must be on a file system on which rename(2) is atomic for readers.
        """
        return f"/var/lib/orchestrator/{self.name}"

    @property
    def library(self) -> str:
        return f"/usr/local/lib/orchestrator/{self.name}"

    @property
    def provisioned(self) -> str:
        """The file with a digest of each setting that provisioning has applied on this balancer."""
        return f"/etc/orchestrator/{self.name}/provisioned"

    @property
    def guard_dir(self) -> str:
        return f"{self.state}/guard"

    @property
    def drain_mark(self) -> str:
        """The file that makes nginx end each connection after its next answer, while the file exists."""
        return f"{self.guard_dir}/drain"

    @property
    def weights_map(self) -> str:
        """HAProxy: the map file with one line, ``green <0..100>``, which is green's weight in per cent.

        HAProxy reads the file as root. Therefore only root can replace the file by another file or a symlink. The
        deploy user writes into the file.
        """
        return f"{self.state}/weights.map"

    @property
    def page(self) -> str:
        """The page that the balancer sends during maintenance (setting ``maintenance.page``)."""
        return f"/etc/orchestrator/{self.name}/maintenance.html"

    @property
    def page_map(self) -> str:
        """HAProxy: the map file with one line, ``page on`` or ``page off``: whether HAProxy sends the page.

        The file belongs to root, and the deploy user may write into the file. The directory is not ``state``, because
        root writes the first content, and the deploy user could make a symlink in ``state``.
        """
        return f"/etc/orchestrator/{self.name}/page.map"

    @property
    def page_mark(self) -> str:
        """nginx: while this file exists, nginx sends the page."""
        return f"{self.state}/page"

    @property
    def hold_map(self) -> str:
        """HAProxy: the map file with one line, ``until 0``, which HAProxy reads into its memory when HAProxy starts.

        While HAProxy holds requests, the map in its memory has another value: the time at which the hold ends, in epoch
        seconds. A restart of HAProxy ends a hold, so a run does not write this value into the file.
        """
        return f"/etc/orchestrator/{self.name}/hold.map"

    @property
    def hold_script(self) -> str:
        """HAProxy: the Lua script that lets requests wait."""
        return f"/usr/local/lib/orchestrator/{self.name}/hold.lua"

    @property
    def hold_socket(self) -> str:
        """nginx: the unix socket to which nginx sends the requests that wait."""
        return f"{self.state}/hold.sock"

    @property
    def hold_mark(self) -> str:
        """nginx: while this file exists, new requests wait."""
        return f"{self.state}/hold"

    @property
    def weight_link(self) -> str:
        """nginx: the symlink to ``weights/<0..100>``. The name of its target is green's weight in per cent."""
        return f"{self.state}/weight"

    @property
    def weights(self) -> str:
        """nginx: the directory with 101 empty directories, named 0 to 100. ``weight_link`` points to one of these."""
        return f"{self.state}/weights"

    @property
    def haproxy_socket(self) -> str:
        """The socket of HAProxy's Runtime API for the deploy user's group.

        The level of the socket is ``operator``: with ``admin``, a user could read HAProxy's memory, and so the private
        keys of its certificates.
        """
        return f"/run/haproxy/{self.name}.sock"

    @property
    def haproxy_admin(self) -> str:
        """The socket of HAProxy's Runtime API for root, with the level ``admin``.

        The name of an application has no dots. Therefore no application has this path as its ``haproxy_socket``.
        """
        return f"/run/haproxy/{self.name}.admin.sock"

    @property
    def haproxy_conf(self) -> str:
        """HAProxy's configuration file for this application. The distribution's ``haproxy.cfg`` stays unchanged."""
        return f"{HAPROXY_DIRECTORY}/{self.name}.cfg"

    @property
    def ring(self) -> str:
        """HAProxy: the name of the ring buffer that holds the latest requests."""
        return f"{self.name}_record"

    @property
    def record(self) -> str:
        """The file in which nginx records the requests while traffic is split.

        The deploy user may empty this file, but must not be able to replace it by another file or a link, because nginx
        opens the file as root. Therefore the file is not in ``state``, which the deploy user can change.
        """
        return f"/var/log/orchestrator/{self.name}/record"

    @property
    def journal(self) -> str:
        return f"{self.state}/journal"

    def backend(self, color: Color) -> str:
        return f"{self.name}_{color}"
