"""Prepares servers for the first release: nodes, HAProxy balancers, nginx balancers.

Each kind of host has a module with the same three functions. The driver calls them, and operations run at once:
``place`` installs everything and disturbs no traffic, ``pending`` returns what is installed but not yet loaded, and
``activate`` loads it. Provisioning can therefore walk a serving fleet host by host, and need not drain a host with
nothing pending.
"""
