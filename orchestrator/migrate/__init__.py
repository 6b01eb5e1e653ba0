"""The commands ``orchestrator db status``, ``plan``, ``expand``, ``contract``, ``resolve`` and ``unlock``.

They run the SQL files of a directory at a database, without a fleet. ``command.py`` reads the arguments, ``actions.py``
has a function for each command, and ``stop.py`` lets a signal stop a command between two steps.
"""
