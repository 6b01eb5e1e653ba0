"""The commands ``orchestrator db status``, ``plan``, ``expand``, ``backfill``, ``contract`` and so on.

They run the SQL files of a directory at a database, without a fleet. ``command.py`` reads the arguments, ``actions.py``
and ``backfills.py`` have a function for each command, ``guard.py`` has what each command does before it changes
anything, ``progress.py`` shows a backfill in the terminal, and ``stop.py`` lets a signal stop a command between two
steps.
"""
