"""The docker fleet that `make fleet` started: what docker/fleet.py wrote down, as an inventory.

FLEET_DIR   the fleet's directory (default .fleet)
APP         the application: one of those that the fleet was started with (docker/fleet.py up --apps; default shop)
WITHOUT     nodes that the inventory leaves out, such as node2,node3
SWITCH      haproxy or nginx: only this balancer decides (default: both, and both move as one);
            node: no balancer, each node's own link decides
BALANCER    more of each switch's settings, as JSON: {"sticky": {"cookie": "SRV"}}
SETTINGS    more settings, as JSON: {"cutover": [{"weight": 5, "bake": "1m"}, {"weight": 100}]}
"""

import ipaddress as _ipaddress
import json as _json
import os as _os
import sys as _sys
import tomllib as _tomllib
from pathlib import Path as _Path
from typing import Any as _Any

from orchestrator.inventory import PATIENCE as _PATIENCE
from orchestrator.inventory import handle_signals as _handle_signals
from orchestrator.inventory import login as _login

_handle_signals()

_directory = _Path(_os.environ.get("FLEET_DIR") or _Path(__file__).resolve().parent.parent / ".fleet")
try:
    _fleet = _json.loads((_directory / "fleet.json").read_text())
except FileNotFoundError:
    _sys.exit(f"no fleet in {_directory}: start one with `make fleet`")

_left_out = set(filter(None, _os.environ.get("WITHOUT", "").split(",")))
_nodes = [node for node in _fleet["nodes"] if node["name"] not in _left_out]
_balancers = _fleet["balancers"]
_only = _os.environ.get("SWITCH", "")
if _only and _only not in ("node", *_balancers):
    _sys.exit(f"SWITCH={_only}: this fleet has node, {' and '.join(_balancers)}")
_kinds = [_only] if _only else list(_balancers)


def _switch(kind: str) -> dict[str, _Any]:
    if kind == "node":
        return {"kind": kind, "urls": [node["live_url"] for node in _nodes]}
    first = _balancers[kind][0]
    more: dict[str, _Any] = _json.loads(_os.environ.get("BALANCER") or "{}")
    tls = {"certificate": first["certificate"], "key": first["certificate_key"]} | more.pop("tls", {})
    url = "https_url" if tls.get("redirect") else "url"
    return {"kind": kind, "group": kind, "urls": [b[url] for b in _balancers[kind]], "tls": tls} | more


_app = _os.environ.get("APP") or _fleet["app"]
if _app not in _fleet["apps"]:
    _sys.exit(f"APP={_app}: this fleet has {', '.join(_fleet['apps'])} (docker/fleet.py up --apps {_app})")

# the application's own settings, which are added to those of its recipe
_made = _fleet["apps"][_app]
_own = _tomllib.loads(_Path(_made["settings"]).read_text())
if _made["environment"]:
    _own["environment"] = {"values": _made["environment"]}

# requests of this machine to the published ports of a node come from the first address of the fleet's network
_here = next(_ipaddress.IPv4Network(_fleet["layout"]["subnet"]).hosts())

_settings = (
    {
        "app": _app,
        "source": {
            "origin": _made["origin"],
            "ref": "main",
            "known_hosts": _fleet["origin"]["known_hosts"],
            "key": _fleet["origin"]["key"],
        },
        "nodes": "nodes",
        "switches": [_switch(_kind) for _kind in _kinds],
        "authorized_keys": [_fleet["key"] + ".pub"],
        "marker": {"answers": "all", "token": _fleet["token"]},
        "preview": {"token": _fleet["preview"], "port": 8090},
        "php": {"workers": 16},
        "firewall": {"allow": [str(_here)]},
    }
    | _own
    | _json.loads(_os.environ.get("SETTINGS") or "{}")
)


# each server's address, which is its id in a target group
_ips = {_server["name"]: _server["address"] for _server in _fleet["layout"]["servers"]}


def _host(server: dict[str, _Any]) -> tuple[str, dict[str, _Any]]:
    return (
        server["name"],
        {
            "ssh_hostname": "127.0.0.1",
            "ssh_port": server["ssh_port"],
            "ssh_user": _login(admin="root", deploy="deploy"),
            "ssh_key": _fleet["key"],
            "ssh_known_hosts_file": _fleet["known_hosts"],
            "ssh_strict_host_key_checking": "yes",
            "ssh_allow_agent": False,
            "ssh_look_for_keys": False,
            "ssh_paramiko_connect_kwargs": _PATIENCE,
            "address": server["address"],
            "target": _ips.get(server["name"]),
            "settings": _settings,
        },
    )


nodes = [_host(_server) for _server in _nodes]
# also without their switch: a balancer that is no longer used may hold the lock and the journal
haproxy = [_host(_server) for _server in _balancers["haproxy"]]
nginx = [_host(_server) for _server in _balancers["nginx"]]
