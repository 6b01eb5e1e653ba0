"""Prepare servers for releases: nodes, HAProxy balancers and nginx balancers.

The modules ``node``, ``haproxy`` and ``nginx_balancer`` each provision one kind of host. The module ``walk`` calls four
functions of each of these modules:

* ``check`` raises an error if a configuration file cannot be made from the settings. `walk` calls ``check`` before any
  change.
* ``place`` installs everything on a host, without disturbing traffic. `walk` calls ``place`` once for each phase (see
  the module ``phases``).
* ``pending`` returns the tasks that are left until the host uses the installed configuration.
* ``activate`` makes the host use the installed configuration.

Only ``activate`` can disturb traffic. Therefore provisioning can change the hosts while the fleet serves traffic. If
nothing is pending on a host, the host needs no drain.
"""
