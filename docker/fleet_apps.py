"""The applications that a fleet can have, and the environment file of each."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DOCKER = Path(__file__).parent
DATABASE = "mariadb"


@dataclass(frozen=True)
class Application:
    """The parts of a repository.

    + folder: `base`, a folder a version, which is laid over it, and settings.toml, which inventory/fleet.py reads
    + versions: commits of the branch main, in this order, and a tag each
    + beside: tags beside the branch, each the last version with one thing changed
    + lock: composer.json needs a lock file, which is made for the packages that there are
    + below: a folder of the packages image that all versions stand on
    + database: it has a database and a user of its name
    """

    folder: Path
    versions: tuple[str, ...] = ("v1", "v2")
    beside: tuple[str, ...] = ()
    lock: bool = False
    below: str = ""
    database: bool = False


SHOP = "shop"
APPLICATIONS = {
    # tags beside the branch: versions that a canary must detect, and a version that cannot be preloaded
    SHOP: Application(DOCKER / "app", beside=("errors", "slow", "tail", "unloadable")),
    "laravel": Application(DOCKER / "apps/laravel", beside=("view2", "assets2", "deps2"), lock=True, database=True),
    "symfony": Application(DOCKER / "apps/symfony", lock=True, database=True),
    "wordpress": Application(DOCKER / "apps/wordpress", below="/opt/wordpress", database=True),
    "classic": Application(DOCKER / "apps/classic"),
    "plain": Application(DOCKER / "apps/plain"),
    "static": Application(DOCKER / "apps/static"),
    "service": Application(DOCKER / "apps/service"),
}


def environment(app: str, secret: str, passwords: Mapping[str, str]) -> dict[str, str]:
    """The variables of an application's environment file.

    + secret: of the fleet, from which the application's own is made
    + passwords: of its databases' users; none without a database server
    """
    own = hashlib.sha256(f"{app} {secret}".encode())
    password = passwords.get(app)
    match app:
        case "laravel":
            database = {
                "DB_HOST": DATABASE,
                "DB_DATABASE": app,
                "DB_USERNAME": app,
                "DB_PASSWORD": password or "",
                "QUEUE_CONNECTION": "database",
            }
            key = {"APP_KEY": "base64:" + base64.b64encode(own.digest()).decode()}
            return key | (database if password else {})
        case "symfony":
            url = {"DATABASE_URL": f"mysql://{app}:{password}@{DATABASE}:3306/{app}"}
            return {"APP_SECRET": own.hexdigest()} | (url if password else {})
        case "wordpress":
            database = {"DB_HOST": DATABASE, "DB_NAME": app, "DB_USER": app, "DB_PASSWORD": password or ""}
            return database | {"SECRET": own.hexdigest(), "ADMIN_PASSWORD": own.hexdigest()[:20]}
    return {}
