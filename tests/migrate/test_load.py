"""A backfill of 1,000,000 rows beside old code, which is killed at 5 random points."""

from __future__ import annotations

import array
import os
import random
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from typing_extensions import override

from orchestrator.engines import connect
from tests.fakes.processes import eventually
from tests.migrate import shop, test_page
from tests.migrate.conftest import Site
from tests.migrate.crash import start

ROWS = 1_000_000
WORKERS = 4
ALONE = 20.0
"""Seconds during which only the old code runs."""


@dataclass(frozen=True)
class Times:
    """How long the queries took, in milliseconds, in ascending order."""

    values: list[float]

    def share(self, part: float) -> float:
        return self.values[min(len(self.values) - 1, int(len(self.values) * part))]

    @override
    def __str__(self) -> str:
        shares = ", ".join(f"p{part * 100:g} {self.share(part):.1f} ms" for part in (0.5, 0.99, 0.999))
        return f"{len(self.values):,} queries: {shares}, longest {self.values[-1]:.1f} ms"


def old_code(site: Site, number: int, output: Path) -> int:
    """Start a process that reads, changes and inserts rows until SIGTERM, as old code does. Return its id.

    + output: gets the begin and the duration of each query, in seconds
    """
    child = os.fork()
    if child:
        return child
    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(1))
    chance, times = random.Random(number), array.array("d")
    with connect(site.url) as session:
        session.execute(f"SET {'lock_timeout = 0' if site.postgres else 'innodb_lock_wait_timeout = 600'}")
        new = ROWS * shop.GAP + number
        while not ended:
            key = chance.randint(1, ROWS) * shop.GAP
            kind = chance.random()
            new += WORKERS
            statement = (
                f"SELECT sum FROM orders WHERE id = {key}"
                if kind < 0.6
                else f"UPDATE orders SET sum = sum + 1 WHERE id = {key}"
                if kind < 0.9
                else f"INSERT INTO orders (id, sum) VALUES ({new}, 1)"
            )
            began = time.monotonic()
            session.execute(statement)
            times.extend((began, time.monotonic() - began))
            time.sleep(0.002)
    output.write_bytes(times.tobytes())
    os._exit(0)


def times(files: list[Path], begin: float, end: float) -> Times:
    """How long the queries took that began between two times."""
    found = []
    for one in files:
        numbers = array.array("d", one.read_bytes())
        found += [took * 1000 for at, took in zip(numbers[::2], numbers[1::2], strict=True) if begin <= at < end]
    return Times(sorted(found))


@pytest.mark.slow
def test_no_query_waits_for_a_backfill_of_many_rows(site: Site, tmp_path: Path) -> None:
    shop.fill(site, ROWS)
    # with the triggers of docs/database.md
    shop.write(site, expand=test_page.files(site.url.engine)["0007_total.expand.sql"])
    files = [tmp_path / f"times{number}" for number in range(WORKERS)]
    workers = [old_code(site, number, file) for number, file in enumerate(files)]
    try:
        time.sleep(1)
        began = time.monotonic()
        time.sleep(ALONE)
        middle = time.monotonic()
        chance, killed, worked = random.Random(), [], 0.0
        for part in range(6):
            child = start(site.command("backfill", "--wait", "60"), tmp_path / f"said{part}")
            before = shop.noted(site)[0] if part else 0
            started = time.monotonic()
            if part < 5:
                goal = before + chance.randint(1, ROWS // 6)
                eventually(lambda: part_done(site) >= goal, 600)  # noqa: B023 (is called before the next round)
                os.kill(child.pid, signal.SIGKILL)
                killed.append(part_done(site))
            assert child.ended() == (0 if part == 5 else -signal.SIGKILL), child.said
            worked += time.monotonic() - started
        end = time.monotonic()
    finally:
        for one in workers:
            os.kill(one, signal.SIGTERM)
            os.waitpid(one, 0)
    alone, beside = times(files, began, middle), times(files, middle, end)
    print(f"\n{site.url.engine}: {ROWS / worked:,.0f} rows/s in {worked:.0f} s, killed after about {killed} rows")
    print(f"without backfill: {alone}\nwith backfill:    {beside}")
    known = site.session.query(f"SELECT touched, count(*) FROM orders WHERE id <= {ROWS * shop.GAP} GROUP BY touched")
    assert known == [(1, ROWS)]
    assert site.session.query("SELECT count(*) FROM orders WHERE total IS NULL OR total <> sum") == [(0,)]
    assert beside.share(0.999) < alone.share(0.999) + 100
    assert len(beside.values) > 1000


def part_done(site: Site) -> int:
    """Number of rows that the ledger calls done."""
    rows = site.session.query("SELECT rows_done FROM deploy_schema_backfills")
    return int(rows[0][0]) if rows else 0
