"""Checks SQL files before a release: no statement may break or block the code that runs now.

``command.py`` is the command ``orchestrator db lint``. ``split.py`` splits a file into statements, ``lint.py`` judges
the statements one after the other, ``findings.py`` has the texts of all findings, and ``render.py`` prints a report.
``catalog.py`` has the schema of a database as values, and ``compare.py`` judges the difference of two schemas.
``decide.py`` puts the findings of the lint and of the shadow together.
Only this package imports sqlglot.
"""
