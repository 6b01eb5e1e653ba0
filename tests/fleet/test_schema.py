"""An application gives a column another name by expand and contract, under queries of both versions.

Either the migrations of Laravel or Symfony change the schema, or the SQL files of the release.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
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
FILES = {"mariadb": "db/mariadb", "postgres": "db/postgres"}
"""Name of the database server -> directory of its SQL files."""


@dataclass(frozen=True)
class Framework:
    """A framework with a migration program.

    + app: name of the application in docker/apps, also of its database and its database user
    + migrate: the commands, and the variables with which the command `expand` uses another database
    + url: the URL of the database, in which ENGINE stands for its scheme
    """

    app: str
    migrate: dict[str, Any]
    url: str


FRAMEWORKS = {
    "laravel": Framework(
        "laravel",
        {
            "expand": "php artisan migrate --force",
            "contract": "php artisan migrate --force --path=database/migrations/contract",
            "redirect": {"DB_DATABASE": "{database}", "APP_CONFIG_CACHE": "/nonexistent"},
        },
        "ENGINE://${DB_USERNAME}:${DB_PASSWORD}@${DB_HOST}/${DB_DATABASE}",
    ),
    "symfony": Framework(
        "symfony",
        {
            "expand": "php bin/console app:migrate",
            "contract": "php bin/console app:migrate migrations/contract",
            "redirect": {"DATABASE_URL": "{url}"},
        },
        "env:DATABASE_URL",
    ),
}


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


@dataclass
class Application:
    """An application on three nodes with two balancers and a database server.

    + engine: name of the database server
    + files: whether SQL files change the schema, and not the migrations of the framework
    """

    framework: Framework
    engine: str
    fleet: Fleet
    files: bool = False
    urls: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.urls = [self.fleet.haproxy_url, self.fleet.nginx_url]

    def do(self, verb: str, *data: str, status: int = 0) -> str:
        """Run a deploy file, and return everything that it printed."""
        words = [word for one in data for word in ("--data", one)]
        way = {"files": FILES[self.engine]} if self.files else {"migrate": self.framework.migrate}
        url = self.framework.url.replace("ENGINE", ENGINES[self.engine])
        settings = json.dumps({"hooks": [], "database": {"url": url, **way}})
        app = self.framework.app
        done = self.fleet.pyinfra(f"deploys/{verb}.py", "-y", *words, timeout=600, APP=app, SETTINGS=settings)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    def sql(self, statement: str) -> str:
        app = self.framework.app
        programs = {"mariadb": f"mariadb -N {app} -e", "postgres": f"runuser -u postgres -- psql -At -F '\t' {app} -c"}
        done = self.fleet.exec(self.engine, f'{programs[self.engine]} "{statement}"')
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def allow_copies(self) -> None:
        """Let the application's user make an empty copy of the schema."""
        app = self.framework.app
        mariadb = f"GRANT ALL ON \\`orchestrator\\\\_shadow\\\\_%\\`.* TO {app}@'%'"
        self.sql({"mariadb": mariadb, "postgres": f"ALTER ROLE {app} CREATEDB"}[self.engine])

    def copies(self) -> str:
        """The number of empty copies of the schema."""
        queries = {
            "mariadb": "SELECT count(*) FROM information_schema.schemata WHERE schema_name LIKE 'orchestrator%shadow%'",
            "postgres": "SELECT count(*) FROM pg_database WHERE datname LIKE 'orchestrator%shadow%'",
        }
        return self.sql(queries[self.engine])

    def columns(self) -> list[str]:
        """The columns of the table `notes`."""
        columns = "SELECT column_name FROM information_schema.columns WHERE table_name = 'notes' ORDER BY 1"
        return self.sql(columns).split()

    def notes(self) -> dict[int, str]:
        """The notes after the contract."""
        rows = dict(line.split("\t") for line in self.sql("SELECT id, heading FROM notes").splitlines())
        return {int(number): word for number, word in rows.items()}

    def differing(self) -> int:
        """The number of notes in which the old and the new column differ."""
        differing = "SELECT count(*) FROM notes WHERE title IS NULL OR heading IS NULL OR title <> heading"
        return int(self.sql(differing))

    def live(self) -> list[str]:
        """The directory of the live release on each node."""
        link = f"readlink -f /srv/{self.framework.app}/live/release"
        return [self.fleet.ssh(node["name"], link).stdout.strip() for node in self.fleet.nodes]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """The name of the database server."""
    return str(request.param)


@pytest.fixture
def framework(request: pytest.FixtureRequest) -> Framework:
    """The framework that the test names as its parameter, by default Laravel."""
    return FRAMEWORKS[getattr(request, "param", "laravel")]


@pytest.fixture
def application(
    framework: Framework,
    engine: str,
    alone: Alone,
    docker_compose_command: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Application]:
    """An application whose servers are provisioned."""
    directory, project, app = tmp_path_factory.mktemp("schema"), f"orchschema-{os.getpid()}", framework.app
    alone.acquire()
    try:
        tool.sweep()
        owner = tool.process(os.getpid())
        database = {"mariadb": engine == "mariadb", "postgres": engine == "postgres"}
        prepared = tool.prepare(directory, 3, project, owner, apps=[app], suites=tool.DEFAULT_SUITES, **database)
        tool.start(prepared)
        tool.finish(prepared)
    finally:
        alone.release()
    known = json.loads((directory / "fleet.json").read_text())
    assert known["databases"][app]["host"] == engine
    made = Application(framework, engine, Fleet(project, directory, known, tool.variables(prepared)))
    made.do("provision")
    made.allow_copies()
    yield made
    tool.down(directory, project)


@pytest.mark.parametrize("framework", FRAMEWORKS, indirect=True)
def test_a_column_gets_another_name(application: Application, tmp_path: Path) -> None:
    urls, do = application.urls, application.do
    do("release", "ref=v2")
    live = application.live()
    with (
        Traffic(urls, tmp_path / "samples", connections=4, rate=10.0, slow_seconds=1.0) as traffic,
        Queries(urls) as queries,
    ):
        queries.wait_for(20)
        # the migrations run on a copy of the schema: a rename would break the live release
        said = do("release", "ref=naive2", status=1)
        assert re.search(r"drop-column-\w+: column \S*notes.title", said), said
        assert application.columns() == ["id", "title"]
        queries.wait_for(20)
        # only the operator knows that the triggers are safe
        said = do("release", "ref=rename2", status=1)
        found = re.findall(r"database\.migrate\.expand\S*: ([a-z-]+-[0-9a-f]{8}): ", said)
        assert found, said
        assert (application.columns(), application.live(), application.copies()) == (["id", "title"], live, "0")
        queries.wait_for(20)
        said = do("release", "ref=rename2", f"accept={','.join(found)}", "reason=the triggers copy a column")
        for stage in ("lint", "expand", "gate live"):
            assert re.search(rf"^ *{stage} ", said, re.MULTILINE), said
        queries.wait_for(20)
        do("rollback")
        queries.wait_for(20)
        assert application.differing() == 0
        do("rollback")
        queries.wait_for(20)
        do("contract")
        queries.wait_for(20)
        assert "no older release can run" in do("rollback", status=3)
        report = traffic.stop()
    flawless(report)
    assert queries.failed == []
    assert application.notes() == queries.written
    assert application.columns() == ["heading", "id"]
    print(f"{report.totals.requests} requests, {2 * len(queries.written)} queries, 0 failed; accepted: {found}")

    # the same queries see a column that gets its name at once
    with Queries(urls) as queries:
        queries.wait_for(20)
        application.sql("ALTER TABLE notes RENAME COLUMN heading TO name")
        deadline = time.monotonic() + 60
        while len(queries.failed) < 20:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_sql_files_give_a_column_another_name(application: Application, tmp_path: Path) -> None:
    urls, do, nodes = application.urls, application.do, application.fleet.nodes
    do("release", "ref=v2")
    application.files = True
    live = str(ask(nodes[0]["live_url"]).headers["x-color"])
    old_ports, new_ports = ([node[f"{color}_url"] for node in nodes] for color in (live, Color(live).other))
    with (
        Traffic(urls, tmp_path / "samples", connections=4, rate=10.0, slow_seconds=1.0) as traffic,
        Queries(urls) as users,
    ):
        users.wait_for(20)
        # in addition to the users, whom the cutovers move, each version is asked at its own port on each node
        with Queries(old_ports, threads=3) as old:
            old.wait_for(20)
            said = do("release", "ref=rename2")
            for stage in ("lint", "expand", "gate live"):
                assert re.search(rf"^ *{stage} ", said, re.MULTILINE), said
            with Queries(new_ports, threads=3) as new:
                for queries in (users, old, new):
                    queries.wait_for(20)
                do("rollback")
                for queries in (users, old, new):
                    queries.wait_for(20)
            assert application.differing() == 0
            # the release starts the idle color again, so nobody may ask the new version directly meanwhile
            said = do("release", "ref=rename2")
            assert "expand: nothing to do" in said
            for queries in (users, old):
                queries.wait_for(20)
        assert application.differing() == 0
        with Queries(new_ports, threads=3) as later:
            do("contract")
            for queries in (users, later):
                queries.wait_for(20)
        assert "no older release can run" in do("rollback", status=3)
        assert "there is nothing to contract" in do("contract", status=1)
        report = traffic.stop()
    flawless(report)
    everybody = (users, old, new, later)
    assert [one for queries in everybody for one in queries.failed] == []
    written = {number: word for queries in everybody for number, word in queries.written.items()}
    assert application.notes() == written
    assert application.columns() == ["heading", "id"]
    print(f"{report.totals.requests} requests, {2 * len(written)} queries, 0 failed")
