"""A plain pyinfra script that makes a rollback on all nodes."""

import steps
from pyinfra import host
from pyinfra.operations import server

for command in host.loop(steps.rollback()):
    server.shell(commands=[command])
