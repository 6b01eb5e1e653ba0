"""Prepares the servers for the tools that are compared: a deploy user, PHP-FPM, nginx and HAProxy of their own.

Nothing here touches the user, the processes and the files of this project's own releases on the same servers.
"""

import io
import os
from pathlib import Path

from pyinfra import host
from pyinfra.operations import files, server, systemd

PEERS = os.environ["PEERS"].split()
RIGHTS = "peer ALL=(root) NOPASSWD: /usr/bin/systemctl reload peer-fpm@*, /usr/bin/systemctl restart peer-fpm@*\n"


def prepare_node() -> None:
    """Make the user, the directories and the web servers of all tools."""
    public = Path(os.environ["PEER_KEY"] + ".pub").read_text().strip()
    server.user(user="peer", home="/home/peer", public_keys=[public])
    for variable, name in {"PEER_ORIGIN_KEY": "id_ed25519", "PEER_ORIGIN_KNOWN_HOSTS": "known_hosts"}.items():
        files.put(src=os.environ[variable], dest=f"/home/peer/.ssh/{name}", user="peer", group="peer", mode="600")
    files.put(src=io.StringIO(RIGHTS), dest="/etc/sudoers.d/peer", mode="440")
    files.put(src="servers/marker.php", dest="/etc/peers/marker.php")
    files.template(src="servers/nginx.conf.j2", dest="/etc/peers/nginx.conf", peers=PEERS)
    for name in PEERS:
        files.template(src="servers/fpm.conf.j2", dest=f"/etc/peers/{name}.conf", peer=name)
        for below, user in {"": "peer", "/releases": "peer", "/shared": "peer", "/shared/storage": "www-data"}.items():
            files.directory(path=f"/srv/peers/{name}{below}", user=user, group=user)
    start("peer-fpm@.service", *(f"peer-fpm@{name}.service" for name in PEERS))
    start("peer-nginx.service", "peer-nginx.service")


def prepare_balancer() -> None:
    """Start an HAProxy for all tools."""
    nodes = [node.partition("=")[0] for node in os.environ["PEER_NODES"].split()]
    files.template(src="servers/haproxy.cfg.j2", dest="/etc/peers/haproxy.cfg", nodes=nodes)
    start("peer-haproxy.service", "peer-haproxy.service")


def start(file: str, *units: str) -> None:
    """Install a unit file, and start units.

    + file: name of the unit file, which may be a template of units
    """
    files.put(src=f"servers/{file}", dest=f"/etc/systemd/system/{file}")
    systemd.daemon_reload()
    for unit in units:
        systemd.service(service=unit, running=True)


if "nodes" in host.groups:
    prepare_node()
else:
    prepare_balancer()
