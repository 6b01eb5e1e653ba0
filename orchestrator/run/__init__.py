"""Executes a plan: ``walk.py`` performs the stages in order, ``executor.py`` and ``handlers/`` perform their steps."""
