"""Your servers. Settings are in group_data/prod.py."""

from orchestrator.inventory import handle_signals as _handle_signals

_handle_signals()

# name, and the address by which the balancers reach it (default: the name)
nodes = [
    ("web1.example.com", {"address": "10.0.0.11"}),
    ("web2.example.com", {"address": "10.0.0.12"}),
    ("web3.example.com", {"address": "10.0.0.13"}),
]

haproxy = [
    "lb1.example.com",
]
