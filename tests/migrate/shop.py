"""A table with rows, and the files that move its column ``sum`` to ``total``."""

from __future__ import annotations

from tests.migrate.conftest import Site

UPDATE = "UPDATE orders SET total = sum WHERE id BETWEEN :first AND :last AND total IS NULL;\n"
COUNTED = (
    "-- orchestrator: safe because this is a test\n"
    "UPDATE orders SET total = sum, touched = touched + 1 WHERE id BETWEEN :first AND :last;\n"
)
"""A statement that would count a row again if the row was passed again."""
CHECK = "SELECT count(*) FROM orders WHERE total IS NULL AND sum IS NOT NULL;\n"
GAP = 3
"""The keys are multiples of this number."""


def fill(site: Site, rows: int) -> None:
    """Create the table ``orders``."""
    site.session.execute("CREATE TABLE orders (id bigint PRIMARY KEY, sum int, touched int NOT NULL DEFAULT 0)")
    source = f"generate_series(1, {rows}) AS n" if site.postgres else f"seq_1_to_{rows}"
    number = "n" if site.postgres else "seq"
    site.session.execute(f"INSERT INTO orders (id, sum) SELECT {number} * {GAP}, {number} FROM {source}")


def write(site: Site, backfill: str = COUNTED, expand: str = "ALTER TABLE orders ADD COLUMN total int") -> None:
    """Write the files of the change, and run ``expand``."""
    site.write("0001_total.expand.sql", expand)
    site.write("0001_total.backfill.sql", backfill)
    site.write("0001_total.check.sql", CHECK)
    site.write("0001_total.contract.sql", "ALTER TABLE orders DROP COLUMN sum")
    assert site.run("expand") == 0, site.said


def ready(site: Site, rows: int) -> None:
    """A site whose next step is the backfill, which counts in ``touched`` how often it passes a row."""
    fill(site, rows)
    write(site)


def touched(site: Site) -> list[tuple[int, int]]:
    """How many rows were passed how often: ``[(1, 500)]`` if each of 500 rows was passed once."""
    rows = site.session.query("SELECT touched, count(*) FROM orders GROUP BY touched ORDER BY touched")
    return [(int(times), int(number)) for times, number in rows]


def noted(site: Site) -> tuple[int, int]:
    """The number of rows that the ledger calls done, and the number of rows that were passed, at the same moment."""
    [(done, changed)] = site.session.query(
        "SELECT coalesce((SELECT rows_done FROM deploy_schema_backfills), 0),"
        " (SELECT count(*) FROM orders WHERE touched > 0)"
    )
    return int(done), int(changed)
