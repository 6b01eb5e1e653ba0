"""What the operator sees of a backfill."""

from __future__ import annotations

import io

from typing_extensions import override

from orchestrator.database.backfill import Progress
from orchestrator.migrate.progress import Display


class Terminal(io.StringIO):
    @override
    def isatty(self) -> bool:
        return True


def shown(out: io.StringIO) -> str:
    times = iter(range(1000))
    display = Display(out, lambda: float(next(times)))
    for rows in (100, 200):
        display.show(Progress("1_c", "", done=False, last="5", end="9", rows=rows, total=400, rate=50))
    display.tell("a line")
    display.end()
    return out.getvalue()


def test_a_terminal_shows_one_line_that_changes() -> None:
    assert shown(Terminal()) == (
        "\r1_c.backfill.sql: 100 of 400 rows (25%), 50 rows/s, 6 s left\x1b[K"
        "\r1_c.backfill.sql: 200 of 400 rows (50%), 50 rows/s, 4 s left\x1b[K"
        "\na line\n"
    )


def test_other_output_gets_few_lines() -> None:
    # the clock goes on by a second at each look
    assert shown(io.StringIO()) == "a line\n"
    times = iter(range(0, 1000, 6))
    out = io.StringIO()
    display = Display(out, lambda: float(next(times)))
    for rows in range(4):
        display.show(Progress("1_c", "", done=False, last=None, end="9", rows=rows, total=4))
    assert out.getvalue() == "1_c.backfill.sql: 1 of 4 rows (25%)\n1_c.backfill.sql: 3 of 4 rows (75%)\n"
