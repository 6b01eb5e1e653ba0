"""What a server needs before the first release: nodes, HAProxy balancers, nginx balancers.

Each kind of host has a module with the same three words, all to be called from the driver (operations run
at once): ``place`` puts everything where it belongs and disturbs no traffic, ``pending`` says what is
placed but not yet loaded, and ``activate`` loads it. So a fleet that serves can be walked host by host,
and a host with nothing pending need not be drained.
"""
