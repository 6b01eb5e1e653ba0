"""Laravel gives a column another name by expand and contract, under queries of both versions.

Either Laravel's own migrations change the schema, or the SQL files of the release.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import fleet as tool
import pytest

from orchestrator.model import Color
from tests.fleet.running import Alone, Fleet
from tests.fleet.traffic import Traffic, ask, flawless

pytestmark = pytest.mark.slow

ENGINES = {"mariadb": "mysql", "postgres": "postgres"}
"""Name of the database server -> scheme of its URL."""
COMMANDS = {
    "expand": "php artisan migrate --force",
    "contract": "php artisan migrate --force --path=database/migrations/contract",
}
FILES = {"mariadb": "db/mariadb", "postgres": "db/postgres"}
"""Name of the database server -> directory of its SQL files."""
RIGHTS = {
    "mariadb": "GRANT ALL ON \\`orchestrator\\\\_shadow\\\\_%\\`.* TO laravel@'%'",
    "postgres": "ALTER ROLE laravel CREATEDB",
}
"""Name of the database server -> the statement that lets the application's user make an empty copy of the schema."""
URL = "://${DB_USERNAME}:${DB_PASSWORD}@${DB_HOST}/${DB_DATABASE}"


class Queries:
    """Threads that write notes and read each note again, over the balancers.

    + failed: what went wrong, a line for each request
    + written: the words of all notes whose request was answered with the status 200
    """

    def __init__(self, urls: list[str], threads: int = 4, pause: float = 0.05) -> None:
        self.failed: list[str] = []
        self.written: dict[int, str] = {}
        self._stop = threading.Event()
        self._pause = pause
        self._threads = [
            threading.Thread(target=self._ask, args=(number, urls[number % len(urls)])) for number in range(threads)
        ]

    def __enter__(self) -> Queries:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, more: int) -> None:
        """Wait until so many more notes are written, or until a request fails."""
        until, deadline = len(self.written) + more, time.monotonic() + 120
        while len(self.written) < until and not self.failed:
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def _ask(self, number: int, url: str) -> None:
        turn = 0
        while not self._stop.wait(self._pause):
            turn += 1
            word = f"w{number}-{turn}"
            made = self._one(url, "POST", "/notes", word)
            if made is not None:
                self.written[made["id"]] = word
                self._one(url, "GET", f"/notes/{made['id']}", word)

    def _one(self, url: str, method: str, path: str, word: str) -> dict[str, Any] | None:
        connection = HTTPConnection(urlsplit(url).netloc, timeout=30)
        try:
            body = json.dumps({"word": word}) if method == "POST" else None
            connection.request(method, path, body, {"Content-Type": "application/json", "Accept": "application/json"})
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
            if answer.status != 200 or json.loads(text)["word"] != word:
                raise ValueError(f"{answer.status} {text[:200]}")
        except Exception as error:  # noqa: BLE001 (each failure of a request counts)
            self.failed.append(f"{method} {path}: {type(error).__name__} {error}")
            return None
        finally:
            connection.close()
        found: dict[str, Any] = json.loads(text)
        return found


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """The name of the database server."""
    return str(request.param)


@pytest.fixture
def laravel(
    engine: str, alone: Alone, docker_compose_command: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    """Three nodes, two balancers and a database server, provisioned for Laravel."""
    directory, project = tmp_path_factory.mktemp("schema"), f"orchschema-{os.getpid()}"
    alone.acquire()
    try:
        tool.sweep()
        owner = tool.process(os.getpid())
        database = {"mariadb": engine == "mariadb", "postgres": engine == "postgres"}
        prepared = tool.prepare(directory, 3, project, owner, apps=["laravel"], suites=tool.DEFAULT_SUITES, **database)
        tool.start(prepared)
        tool.finish(prepared)
    finally:
        alone.release()
    known = json.loads((directory / "fleet.json").read_text())
    made = Fleet(project, directory, known, tool.variables(prepared))
    assert known["databases"]["laravel"]["host"] == engine
    do(made, "provision")
    yield made
    tool.down(directory, project)


def do(fleet: Fleet, verb: str, *data: str, status: int = 0, files: bool = False) -> str:
    """Run a deploy file, and return everything that it printed.

    + files: whether SQL files change the schema, and not Laravel's migrations
    """
    words = [word for one in data for word in ("--data", one)]
    server = fleet.known["databases"]["laravel"]["host"]
    way = {"files": FILES[server]} if files else {"migrate": COMMANDS}
    settings = json.dumps({"hooks": [], "database": {"url": ENGINES[server] + URL, **way}})
    done = fleet.pyinfra(f"deploys/{verb}.py", "-y", *words, timeout=600, APP="laravel", SETTINGS=settings)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def sql(fleet: Fleet, statement: str) -> str:
    server = fleet.known["databases"]["laravel"]["host"]
    program = "mariadb -N laravel -e" if server == "mariadb" else "runuser -u postgres -- psql -At -F '\t' laravel -c"
    done = fleet.exec(server, f'{program} "{statement}"')
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_column_gets_another_name(laravel: Fleet, tmp_path: Path) -> None:
    urls = [laravel.haproxy_url, laravel.nginx_url]
    do(laravel, "release", "ref=v2")
    with (
        Traffic(urls, tmp_path / "samples", connections=4, rate=10.0, slow_seconds=1.0) as traffic,
        Queries(urls) as queries,
    ):
        queries.wait_for(20)
        said = do(laravel, "release", "ref=rename2")
        assert "expand" in said
        queries.wait_for(20)
        do(laravel, "rollback")
        queries.wait_for(20)
        assert (
            sql(laravel, "SELECT count(*) FROM notes WHERE title IS NULL OR heading IS NULL OR title <> heading") == "0"
        )
        do(laravel, "rollback")
        queries.wait_for(20)
        do(laravel, "contract")
        queries.wait_for(20)
        assert "no older release can run" in do(laravel, "rollback", status=3)
        report = traffic.stop()
    flawless(report)
    assert queries.failed == []
    rows = dict(line.split("\t") for line in sql(laravel, "SELECT id, heading FROM notes").splitlines())
    assert {int(number): word for number, word in rows.items()} == queries.written
    columns = "SELECT column_name FROM information_schema.columns WHERE table_name = 'notes' ORDER BY 1"
    assert sql(laravel, columns).split() == ["heading", "id"]
    print(f"{report.totals.requests} requests, {2 * len(queries.written)} queries, 0 failed")

    # the same queries see a column that gets its name at once
    with Queries(urls) as queries:
        queries.wait_for(20)
        sql(laravel, "ALTER TABLE notes RENAME COLUMN heading TO name")
        deadline = time.monotonic() + 60
        while len(queries.failed) < 20:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def differing(fleet: Fleet) -> str:
    """The number of notes in which the old and the new column differ."""
    return sql(fleet, "SELECT count(*) FROM notes WHERE title IS NULL OR heading IS NULL OR title <> heading")


def test_sql_files_give_a_column_another_name(laravel: Fleet, engine: str, tmp_path: Path) -> None:
    urls = [laravel.haproxy_url, laravel.nginx_url]
    do(laravel, "release", "ref=v2")
    sql(laravel, RIGHTS[engine])
    live = str(ask(laravel.nodes[0]["live_url"]).headers["x-color"])
    old_ports, new_ports = ([node[f"{color}_url"] for node in laravel.nodes] for color in (live, Color(live).other))
    with (
        Traffic(urls, tmp_path / "samples", connections=4, rate=10.0, slow_seconds=1.0) as traffic,
        Queries(urls) as users,
    ):
        users.wait_for(20)
        # in addition to the users, whom the cutovers move, each version is asked at its own port on each node
        with Queries(old_ports, threads=3) as old:
            old.wait_for(20)
            said = do(laravel, "release", "ref=rename2", files=True)
            for stage in ("lint", "expand", "gate live"):
                assert re.search(rf"^ *{stage} ", said, re.MULTILINE), said
            with Queries(new_ports, threads=3) as new:
                for queries in (users, old, new):
                    queries.wait_for(20)
                do(laravel, "rollback", files=True)
                for queries in (users, old, new):
                    queries.wait_for(20)
            assert differing(laravel) == "0"
            # the release starts the idle color again, so nobody may ask the new version directly meanwhile
            said = do(laravel, "release", "ref=rename2", files=True)
            assert "expand: nothing to do" in said
            for queries in (users, old):
                queries.wait_for(20)
        assert differing(laravel) == "0"
        with Queries(new_ports, threads=3) as later:
            do(laravel, "contract", files=True)
            for queries in (users, later):
                queries.wait_for(20)
        assert "no older release can run" in do(laravel, "rollback", status=3, files=True)
        assert "there is nothing to contract" in do(laravel, "contract", status=1, files=True)
        report = traffic.stop()
    flawless(report)
    everybody = (users, old, new, later)
    assert [one for queries in everybody for one in queries.failed] == []
    written = {number: word for queries in everybody for number, word in queries.written.items()}
    rows = dict(line.split("\t") for line in sql(laravel, "SELECT id, heading FROM notes").splitlines())
    assert {int(number): word for number, word in rows.items()} == written
    columns = "SELECT column_name FROM information_schema.columns WHERE table_name = 'notes' ORDER BY 1"
    assert sql(laravel, columns).split() == ["heading", "id"]
    print(f"{report.totals.requests} requests, {2 * len(written)} queries, 0 failed")
