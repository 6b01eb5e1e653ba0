"""The nodes and HAProxy of the benchmark, as pyinfra's inventory. docker/bench_tools.py sets the variables."""

import os as _os
from typing import Any as _Any


def _host(named: str) -> tuple[str, dict[str, _Any]]:
    name, _, address = named.partition("=")
    host, _, port = address.partition(":")
    return (
        name,
        {
            "ssh_hostname": host,
            "ssh_port": int(port),
            "ssh_user": "peer",
            "ssh_key": _os.environ["PEER_KEY"],
            "ssh_known_hosts_file": _os.environ["PEER_KNOWN_HOSTS"],
            "ssh_strict_host_key_checking": "yes",
            "ssh_allow_agent": False,
            "ssh_look_for_keys": False,
        },
    )


nodes = [_host(node) for node in _os.environ["PEER_NODES"].split()]
balancer = [_host(_os.environ["PEER_BALANCER"])]
