"""Releases that change the schemas of two databases, on fake hosts with real database servers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from orchestrator import verbs
from orchestrator.config import load
from orchestrator.engines.base import Connection
from orchestrator.fleet import Fleet
from orchestrator.options import Options
from tests.run.shop import Shop, server  # noqa: F401 (a fixture)

pytestmark = pytest.mark.exhaustive

ADD = "ALTER TABLE orders ADD COLUMN total int;\n"
DROP = "ALTER TABLE orders DROP COLUMN sum;\n"
SEEN = "ALTER TABLE visits ADD COLUMN seen int;\n"
DEFAULT = "ALTER TABLE visits ALTER COLUMN page SET DEFAULT 5;\n"
"""Only the copy of the schema shows that this statement is not safe."""


@dataclass
class Two:
    """A shop with a second database, which is called stats in the settings."""

    shop: Shop
    name: str
    session: Connection

    def fleet(self, **more: Any) -> Fleet:
        world, of = self.shop.world, self.shop.server
        databases = {
            "database": {"url": of.url(self.shop.name), "files": "db", "deadline": 60},
            "databases": {"stats": {"url": of.url(self.name), "files": "stats", "deadline": 60, **more}},
        }
        return world.fleet(load(world.settings | databases))

    def commit(self, orders: dict[str, str], stats: dict[str, str]) -> str:
        """Commit the SQL files of both databases, each by its name without ``.sql`` and with ``__`` for ``.``."""
        for directory, files in (("db", orders), ("stats", stats)):
            (self.shop.world.origin / directory).mkdir(exist_ok=True)
            for name, text in files.items():
                (self.shop.world.origin / directory / f"{name.replace('__', '.')}.sql").write_text(text)
        return self.shop.commit()

    def release(self, ref: str = "main", *accept: str) -> int:
        return verbs.release(self.fleet(), Options(ref=ref, accept=accept, reason="unused" if accept else ""))

    def contract(self) -> int:
        return verbs.contract(self.fleet(), Options())

    @property
    def columns(self) -> list[str]:
        rows = self.session.query(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'visits' AND table_schema = %s",
            ("public" if self.shop.postgres else self.name,),
        )
        return sorted(name for (name,) in rows)

    def ran(self) -> list[tuple[str, str, str]]:
        """Change, phase and state of each step in the ledger of the second database."""
        return Shop(self.shop.world, self.shop.server, self.name, self.session).ran()


@pytest.fixture
def two(shop: Shop) -> Iterator[Two]:
    name = shop.server.new_database()
    with shop.server.connect(name) as session:
        session.execute("CREATE TABLE visits (id bigint PRIMARY KEY, page int NOT NULL, CHECK (page > 10))")
        session.execute("INSERT INTO visits (id, page) VALUES (1, 20)")
        yield Two(shop, name, session)


def test_each_database_has_its_own_change(two: Two, capsys: pytest.CaptureFixture[str]) -> None:
    two.commit({"0001_total__expand": ADD}, {"0001_seen__expand": SEEN})
    assert two.release() == 0
    said = capsys.readouterr().err
    stages = re.findall(r"^ +(lint|lint stats|expand|expand stats|gate live) +\d", said, re.MULTILINE)
    assert stages == ["lint", "lint stats", "expand", "expand stats", "gate live"], said
    assert two.shop.columns == ["id", "sum", "total"]
    assert two.columns == ["id", "page", "seen"]
    assert two.shop.ran() == [("0001_total", "expand", "done")]
    assert two.ran() == [("0001_seen", "expand", "done")]
    assert two.release() == 0
    assert verbs.show_status(two.fleet(), Options()) == 0
    shown = capsys.readouterr().out
    assert re.search(r"^  database     last change: expand", shown, re.MULTILINE), shown
    assert re.search(r"^  database stats last change: expand", shown, re.MULTILINE), shown


def test_a_finding_at_one_database_changes_no_database(two: Two, capsys: pytest.CaptureFixture[str]) -> None:
    was = two.shop.world.snapshot()
    two.commit({"0001_total__expand": ADD}, {"0001_page__expand": DEFAULT})
    assert two.release() == 1
    said = capsys.readouterr().err
    assert "--data accept=stats:FINDING" in said
    assert (two.shop.world.snapshot(), two.shop.columns, two.columns) == (was, ["id", "sum"], ["id", "page"])
    [found] = re.findall(r"set-default-[0-9a-f]{8}", said)
    # without the name, the id is of the other database
    assert two.release("main", found) == 1
    assert f"--data accept={found}: the stage lint has no such finding" in capsys.readouterr().err
    assert two.release("main", f"stats:{found}") == 0, capsys.readouterr().err
    assert two.shop.columns == ["id", "sum", "total"]
    assert two.ran() == [("0001_page", "expand", "done")]


def test_the_database_that_was_changed_is_not_changed_again(two: Two, capsys: pytest.CaptureFixture[str]) -> None:
    two.commit({"0001_total__expand": ADD}, {"0001_few__expand": f"{SEEN}ALTER TABLE visits ADD CHECK (page < 15);\n"})
    assert two.release() == 1
    said = capsys.readouterr().err
    found = set(re.findall(r"[a-z]+(?:-[a-z]+)*-[0-9a-f]{8}", said))
    assert found
    # the copies have no rows, so only the database itself refuses the check
    assert two.release("main", *(f"stats:{one}" for one in sorted(found))) == 1
    said = capsys.readouterr().err
    assert "expand stats failed on node1" in said
    assert "the schema stays changed: 1 steps done" in said
    assert (two.shop.columns, two.shop.ran()) == (["id", "sum", "total"], [("0001_total", "expand", "done")])
    two.session.execute("UPDATE visits SET page = 12")
    assert two.release("main", *(f"stats:{one}" for one in sorted(found))) == 0, capsys.readouterr().err
    assert two.shop.ran() == [("0001_total", "expand", "done")]
    assert {state for _, _, state in two.ran()} == {"done"}


def test_a_contract_runs_where_files_are_left(two: Two, capsys: pytest.CaptureFixture[str]) -> None:
    two.commit({"0001_total__expand": ADD, "0001_total__contract": DROP}, {"0001_seen__expand": SEEN})
    assert two.release() == 0
    assert two.contract() == 0, capsys.readouterr().err
    assert (two.shop.columns, two.columns) == (["id", "total"], ["id", "page", "seen"])
    was = two.shop.world.snapshot()
    assert two.contract() == 1
    assert "there is nothing to contract: all contract files of" in capsys.readouterr().err
    assert two.shop.world.snapshot() == was


def test_a_change_by_hand_names_its_database(two: Two, capsys: pytest.CaptureFixture[str]) -> None:
    two.commit({"0001_total__expand": ADD}, {"0001_seen__expand": SEEN})
    assert two.release() == 0
    two.session.execute("ALTER TABLE visits ADD COLUMN quick int")
    two.commit({"0002_note__expand": "ALTER TABLE orders ADD COLUMN note int;\n"}, {})
    assert two.release() == 1
    said = capsys.readouterr().err
    assert re.search(r"lint stats .*the schema was changed by hand since expand of .*: visits\.", said), said
    assert two.shop.columns == ["id", "sum", "total"]
