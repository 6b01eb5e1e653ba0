"""The application's own migrator in tests: runs the files `migrations/*.sql` that the table `migrations` does not name.

The database is that of the environment variable DATABASE_URL. Without this variable, it is the database that the file
`url` of the world names, as an application reads its environment file. The file `used` of the world gets each URL. A
migration with `wait` waits until the world has the file `go`.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from orchestrator.engines import connect
from orchestrator.engines.url import read
from orchestrator.errors import OrchestratorError


def main() -> None:
    world = Path(os.environ["WORLD"])
    url = os.environ.get("DATABASE_URL") or (world / "url").read_text()
    with (world / "used").open("a") as used:
        print(url, file=used)
    with connect(read(url, {})) as session:
        done = {name for (name,) in session.query("SELECT migration FROM migrations")}
        for file in sorted(Path("migrations").glob("*.sql")):
            if file.stem in done:
                continue
            text = file.read_text()
            if "wait" in text:
                (world / "waits").touch()
                while not (world / "go").exists():
                    time.sleep(0.02)
            try:
                session.execute(text)
            except OrchestratorError as error:
                print(f"{url}: {file.stem} failed", error, sep="\n")
                sys.exit(3)
            session.query("INSERT INTO migrations (migration) VALUES (%s)", (file.stem,))
            print(f"{file.stem} done")


if __name__ == "__main__":
    main()
