"""Warm a color on a node: compile the color's release into OPcache and request pages of the color."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from urllib.parse import urlencode

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.facts.answers import forwarded
from orchestrator.scripts.command import script
from orchestrator.scripts.fastcgi import fastcgi_command
from orchestrator.scripts.files import read

SCRIPT = read("operations/warm.sh")


def compile_command(
    socket: str,
    document_root: str,
    inspect: str,
    compile: Sequence[str],
    exclude: Sequence[str] = (),
    entries: Sequence[str] = (),
) -> str:
    """Return the shell command that makes PHP-FPM compile files. Return an empty string if ``compile`` is empty.

    The last line of the command's output is JSON.

    + socket: socket of the color's PHP-FPM
    + document_root: document root of the color; the path may contain symlinks
    + inspect: path of ``inspect.php``, the PHP file with which PHP-FPM compiles files and reports its OPcache
    + compile: paths to compile, relative to the release
    + exclude: patterns of paths in the release that are not compiled
    + entries: patterns of paths in the document root: a request can run the files whose path matches a pattern
    """
    if not compile:
        return ""
    lists = {"compile[]": compile, "exclude[]": exclude, "entry[]": entries}
    query = urlencode([(key, path) for key, paths in lists.items() for path in paths])
    return fastcgi_command(socket, inspect, query, document_root)


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
    entries: Sequence[str] = (),
    said: str = "",
    workers: int = 0,
    seconds: int = 60,
    https: bool = False,
) -> Generator[StringCommand, None, None]:
    """
    Compile the release's files into the OPcache of the color's own PHP-FPM, and request pages of the color.

    + root: directory of the application
    + color: ``blue`` or ``green``
    + port: the color's port
    + hostname: value of the Host header
    + paths: pages to request. Each page must answer with status 2xx or 3xx
    + public: document root, relative to the release
    + inspect: path of ``inspect.php``, the PHP file with which PHP-FPM compiles files and reports its OPcache
    + compile: files and directories to compile, relative to the release; empty to compile nothing
    + exclude: patterns of paths in the release that are not compiled
    + entries: patterns of paths in the document root: a request can run the files whose path matches a pattern
    + said: shell command that prints the last error of PHP; empty for no command. If a page answers with status 5xx,
      the message of the operation contains this error
    + workers: number of PHP-FPM workers. Each worker should get a request. Therefore, if ``paths`` has fewer pages than
      this number, the operation requests the pages again, at most for a third of ``seconds``
    + seconds: whole seconds after which the command is killed
    + https: whether the requests have the header ``X-Forwarded-Proto: https``

    If ``compile`` is not empty, the operation prints PHP-FPM's answer about the compiled files, as one line of JSON.

    **Example:**

    .. code:: python

        warm(root="/srv/shop", color="green", port=8082, hostname="shop.example.com", paths=["/"],
             public="public", inspect="/usr/local/lib/orchestrator/shop/inspect.php")
    """
    command = compile_command(
        f"{root}/{color}/run/fpm.sock", f"{root}/{color}/release/{public}", inspect, compile, exclude, entries
    )
    about = (command, str(port), hostname, forwarded(https), str(workers), str(seconds), said, *paths)
    yield script(SCRIPT, *about, seconds=seconds)
