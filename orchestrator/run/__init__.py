"""Executes a plan: ``walk.py`` goes through the stages, ``executor.py`` and ``handlers/`` perform the steps."""
