"""Warms a color on its node."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from urllib.parse import urlencode

from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.operation import operation

from orchestrator.facts.answers import forwarded
from orchestrator.scripts.fastcgi import fastcgi_command

# The kernel gives connections to PHP-FPM's idle workers in turn: after so many requests, one after another, each worker
# had one, and has its memory from the system and the page's classes linked. Where pages are slow and workers many, a
# third of the time has to do.
PAGES = r"""
set -eu
port=$1 host=$2 proto=$3 workers=$4 seconds=$5; shift 5
late=$(($(date +%s) + seconds / 3))
ask() {
    curl -gs -m 30 -o /dev/null -w '%{http_code}' -H "Host: $host" ${proto:+-H "X-Forwarded-Proto: $proto"} \
        "http://127.0.0.1:$port$1" || true
}
for path in "$@"; do
    code=$(ask "$path")
    case $code in
        2*|3*) ;;
        *) echo "$path answers status $code while warming" >&2; exit 1 ;;
    esac
done
asked=$#
while [ $# -gt 0 ] && [ "$asked" -lt "$workers" ] && [ "$(date +%s)" -lt "$late" ]; do
    ask "$1" >/dev/null
    set -- "$@" "$1"; shift
    asked=$((asked + 1))
done
"""


def script(socket: str, document_root: str, inspect: str, compile: Sequence[str], exclude: Sequence[str] = ()) -> str:
    """First compile, and print what the color's own FPM says of it; then request pages ($1 port, $2 Host header,
    $3 X-Forwarded-Proto, $4 number of workers, $5 seconds, then their paths).

    + compile: what, as paths in the release; if none, only pages are requested
    + exclude: patterns of paths that are not
    """
    if not compile:
        return PAGES.strip()
    query = urlencode([*(("compile[]", path) for path in compile), *(("exclude[]", path) for path in exclude)])
    ask = fastcgi_command(socket, inspect, query, document_root)
    return f"""
said=$({ask} | tail -n 1)
case $said in
    "{{"*) printf '%s\\n' "$said" ;;
    *) echo "its PHP-FPM did not end compiling: its log says why, or php.request_limit is too short" >&2; exit 1 ;;
esac
{PAGES.strip()}""".strip()


@operation(is_idempotent=False)
def warm(
    root: str,
    color: str,
    port: int,
    hostname: str,
    paths: Sequence[str],
    public: str,
    inspect: str,
    compile: Sequence[str] = (".",),
    exclude: Sequence[str] = (),
    workers: int = 0,
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
    + compile: what to compile, as paths in the release; nothing if there are none
    + exclude: patterns of paths that are not compiled
    + workers: request pages at least so many times, all in all, so that each worker had a request
    + seconds: whole seconds after which it is killed
    + https: say that the client came by https (X-Forwarded-Proto)

    It prints what the FPM says of what it compiled, as one line of JSON.

    **Example:**

    .. code:: python

        warm(root="/srv/shop", color="green", port=8082, hostname="shop.example.com", paths=["/"],
             public="public", inspect="/usr/local/lib/orchestrator/shop/inspect.php")
    """
    text = script(f"{root}/{color}/run/fpm.sock", f"{root}/{color}/release/{public}", inspect, compile, exclude)
    about = (str(port), hostname, forwarded(https), str(workers), str(seconds), *paths)
    quoted = [QuoteString(argument) for argument in about]
    yield StringCommand(
        *("timeout", "-s", "KILL", str(seconds)),
        *("sh", "-c", QuoteString(text), "orchestrator", *quoted),
    )
