"""Make shell commands that send a request to a color's PHP-FPM, through PHP-FPM's socket and without nginx.

The deploy user (the user who logs in) runs these commands on a node. The following call returns a command that prints
which code the color's PHP-FPM runs::

    fastcgi_command(
        socket=layout.socket(color),
        script=f"{layout.library}/inspect.php",
        document_root=f"{layout.link(color)}/public",
    )

The call returns this command::

    env -i GATEWAY_INTERFACE=CGI/1.1 ... SCRIPT_FILENAME=/usr/local/lib/orchestrator/shop/inspect.php \\
        DOCUMENT_ROOT=/srv/shop/blue/release/public cgi-fcgi -bind -connect /srv/shop/blue/run/fpm.sock

With ``query="compile[]=."``, the command compiles the whole release into the OPcache. With
``query="script=index.php"``, the output also says whether the file ``index.php`` is in the OPcache.

The call ``status_command(socket)`` returns a command that prints the status of PHP-FPM. Each of these commands prints
headers, an empty line and JSON. The function ``body`` extracts the JSON.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping

STATUS_PATH = "/fpm-status"
PING_PATH = "/fpm-ping"


def fastcgi_command(
    socket: str,
    script: str,
    query: str = "",
    document_root: str = "",
    parameters: Mapping[str, str] | None = None,
) -> str:
    """Return a shell command that makes PHP-FPM run one PHP file, and prints the answer with its headers.

    + socket: path of PHP-FPM's socket
    + script: absolute path of the PHP file, or a path that PHP-FPM answers itself (``/fpm-status``)
    + query: value of the FastCGI parameter QUERY_STRING
    + document_root: value of the FastCGI parameter DOCUMENT_ROOT
    + parameters: name -> value of more FastCGI parameters

    If nothing listens on the socket, the command fails with an exit status other than 0.
    """
    values = {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_SOFTWARE": "orchestrator",
        "REMOTE_ADDR": "127.0.0.1",
        "REQUEST_METHOD": "GET",
        "REQUEST_URI": script,
        "SCRIPT_NAME": script,
        "SCRIPT_FILENAME": script,
        "QUERY_STRING": query,
        "DOCUMENT_ROOT": document_root,
        **(parameters or {}),
    }
    # env -i, because cgi-fcgi passes its whole environment to the FPM
    words = ["env", "-i", *(f"{key}={value}" for key, value in values.items())]
    return shlex.join([*words, "/usr/bin/cgi-fcgi", "-bind", "-connect", socket]) + " </dev/null"


def status_command(socket: str, full: bool = False) -> str:
    """Return a shell command that prints PHP-FPM's status page as JSON, with headers before the JSON.

    The status page has the numbers of active and idle workers, the length of the listen queue, and the start time.

    + socket: path of PHP-FPM's socket
    + full: whether the status page also has the state of every worker
    """
    return fastcgi_command(socket, STATUS_PATH, "json&full" if full else "json")


def body(output: Iterable[str]) -> str:
    """Return the body of an answer that a command of this module printed.

    + output: lines of the answer: headers, an empty line, and the body

    Raises ValueError if there is no empty line, or if the status of the answer is not 200.
    """
    lines = [line.rstrip("\r\n") for line in output]
    if "" not in lines:
        raise ValueError("not an answer of an FPM: " + " ".join(lines)[:200])
    end = lines.index("")
    status = next((line.split(":", 1)[1].strip() for line in lines[:end] if line.lower().startswith("status:")), "200")
    content = "\n".join(lines[end + 1 :])
    if not status.startswith("200"):
        raise ValueError(f"the FPM answered {status}: {content[:200]}")
    return content
