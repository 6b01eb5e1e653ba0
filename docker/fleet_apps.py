"""Define the applications that a fleet can have, and the environment file of each application."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DOCKER = Path(__file__).parent
DATABASE = "mariadb"
POSTGRES = "postgres"


@dataclass(frozen=True)
class Application:
    """An application, from whose files `fleet_origin` makes a git repository.

    + folder: folder with the files of the application: the folder `base` with the files of all versions; for each
      version, a folder with the files that the version adds or changes; and settings.toml, which inventory/fleet.py
      reads
    + versions: names of the versions on the branch main, in this order. Each version is a commit with a tag
    + beside: names of further versions. Each is a commit with a tag, and changes one thing in the last version of main
    + lock: whether composer.json needs a lock file, which is made from the packages in the packages image
    + below: folder in the packages image, whose files all versions also have; empty for none
    + database: whether the application has a database, and a database user of the same name
    """

    folder: Path
    versions: tuple[str, ...] = ("v1", "v2")
    beside: tuple[str, ...] = ()
    lock: bool = False
    below: str = ""
    database: bool = False


SHOP = "shop"
APPLICATIONS = {
    # a comparison of the colors must detect the first three further versions; `unloadable` cannot be preloaded
    SHOP: Application(DOCKER / "app", beside=("errors", "slow", "tail", "unloadable")),
    "laravel": Application(
        DOCKER / "apps/laravel", beside=("view2", "assets2", "deps2", "rename2", "naive2"), lock=True, database=True
    ),
    "symfony": Application(DOCKER / "apps/symfony", beside=("rename2", "naive2"), lock=True, database=True),
    "wordpress": Application(DOCKER / "apps/wordpress", below="/opt/wordpress", database=True),
    "classic": Application(DOCKER / "apps/classic"),
    "plain": Application(DOCKER / "apps/plain"),
    "static": Application(DOCKER / "apps/static"),
    "service": Application(DOCKER / "apps/service"),
}


def environment(app: str, secret: str, passwords: Mapping[str, str], server: str = DATABASE) -> dict[str, str]:
    """Return the variables of an application's environment file: name -> value.

    + secret: a secret of the fleet, from which the application's own secret is made
    + passwords: name of a database user -> password; empty if the fleet has no database server
    + server: name of the database server. Only Laravel and Symfony can use PostgreSQL
    """
    own = hashlib.sha256(f"{app} {secret}".encode())
    password = passwords.get(app)
    match app:
        case "laravel":
            database = {
                "DB_CONNECTION": "pgsql" if server == POSTGRES else "mysql",
                "DB_HOST": server,
                "DB_PORT": "5432" if server == POSTGRES else "3306",
                "DB_DATABASE": app,
                "DB_USERNAME": app,
                "DB_PASSWORD": password or "",
                "QUEUE_CONNECTION": "database",
            }
            key = {"APP_KEY": "base64:" + base64.b64encode(own.digest()).decode()}
            return key | (database if password else {})
        case "symfony":
            scheme = "postgres" if server == POSTGRES else "mysql"
            url = {"DATABASE_URL": f"{scheme}://{app}:{password}@{server}/{app}"}
            return {"APP_SECRET": own.hexdigest()} | (url if password else {})
        case "wordpress":
            database = {"DB_HOST": DATABASE, "DB_NAME": app, "DB_USER": app, "DB_PASSWORD": password or ""}
            return database | {"SECRET": own.hexdigest(), "ADMIN_PASSWORD": own.hexdigest()[:20]}
    return {}
