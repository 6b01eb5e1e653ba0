"""A plain pyinfra script that makes a release on all nodes."""

import steps
from pyinfra import host
from pyinfra.operations import server

for command in host.loop(steps.release()):
    server.shell(commands=[command])
