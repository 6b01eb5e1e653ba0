"""Warms a color on its node."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.operation import operation

from orchestrator.facts.answers import forwarded
from orchestrator.provision.fastcgi import fastcgi_command

SCRIPT = r"""
set -eu
port=$1 host=$2 proto=$3; shift 3
for path in "$@"; do
    code=$(curl -s -m 30 -o /dev/null -w '%{http_code}' -H "Host: $host" ${proto:+-H "X-Forwarded-Proto: $proto"} \
        "http://127.0.0.1:$port$path") || true
    case $code in
        2*|3*) ;;
        *) echo "$path answers status $code while warming" >&2; exit 1 ;;
    esac
done
"""


@operation(is_idempotent=False)
def warm(
    root: str,
    color: str,
    port: int,
    hostname: str,
    paths: Sequence[str],
    public: str,
    inspect: str,
    seconds: int = 60,
    https: bool = False,
) -> Generator[StringCommand, None, None]:
    """
    Compile the release's files into the color's OPcache, by its own FPM, and request pages of it.

    + root: directory of the application
    + color: ``blue`` or ``green``
    + port: the color's port
    + hostname: Host header
    + paths: pages to request, each of which must answer 2xx or 3xx
    + public: document root in a release
    + inspect: path of the inspection script
    + seconds: whole seconds after which it is killed
    + https: say that the client came by https (X-Forwarded-Proto)

    **Example:**

    .. code:: python

        warm(root="/srv/shop", color="green", port=8082, hostname="shop.example.com", paths=["/"],
             public="public", inspect="/usr/local/lib/orchestrator/shop/inspect.php")
    """
    socket, document_root = f"{root}/{color}/run/fpm.sock", f"{root}/{color}/release/{public}"
    compile_all = fastcgi_command(socket, inspect, "compile=1", document_root)
    quoted = [QuoteString(argument) for argument in (str(port), hostname, forwarded(https), *paths)]
    yield StringCommand(
        *("timeout", "-s", "KILL", str(seconds)),
        "sh",
        "-c",
        QuoteString(f"{SCRIPT.strip()}\n{compile_all} >/dev/null"),
        "orchestrator",
        *quoted,
    )
