"""Prepare servers for releases: nodes, HAProxy balancers and nginx balancers.

Each kind of host has a module with the same four functions, which walk.py calls:

* ``check`` finds settings from which no configuration can be made, before anything changes.
* ``place`` installs everything on a host, without disturbing traffic. phases.py says in which phases.
* ``pending`` returns which installed configuration is not loaded yet.
* ``activate`` loads this configuration.

Therefore provisioning can change a fleet host by host while the fleet serves traffic. A host where nothing is pending
needs no drain.
"""
