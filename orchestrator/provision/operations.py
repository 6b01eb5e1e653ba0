"""The operations of provisioning. Each changes nothing on a host that is right already."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Sequence

from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.exceptions import OperationError
from pyinfra.api.operation import operation
from pyinfra.context import host

from orchestrator.provision.facts import Earlier, Entries, Entry, GitSetting, Heirs
from orchestrator.scripts.files import read
from orchestrator.scripts.guarded import guarded

Commands = Generator[StringCommand, None, None]


@operation()
def file(
    path: str,
    text: str,
    user: str = "root",
    group: str = "root",
    mode: str = "644",
    check: str = "",
) -> Commands:
    """
    Install a file, if a checker accepts it.

    + path: of the file
    + text: content of the file
    + user: owner
    + group: group
    + mode: permissions in octal, without a leading zero
    + check: shell command that checks the file ``$candidate``, which will be renamed to ``$path``

    The text may hold secrets: it goes through standard input to ``<path>.candidate``, which no other user can read. If
    ``check`` ends with status 0, the candidate is renamed into place. Otherwise the operation fails with the messages
    of the checker on stderr, and the file stays as it is.

    **Example:**

    .. code:: python

        file(
            name="sudo rules",
            path="/etc/sudoers.d/shop",
            text="deploy ALL=(root) NOPASSWD: /usr/bin/systemctl restart shop-blue.target\\n",
            mode="440",
            check='visudo -c -q -f "$candidate"',
        )
    """
    digest = hashlib.sha256(text.encode()).hexdigest()
    if host.get_fact(Entries, paths=[path]).get(path) == Entry("file", user, group, mode, digest):
        host.noop(f"{path} is as it should be")
        return
    about = [path, f"{user}:{group}", mode, check]
    yield StringCommand(guarded(read("provision/file.sh"), about, None), _stdin=text)


@operation()
def directories(paths: Sequence[str], user: str = "root", group: str = "root", mode: str = "755") -> Commands:
    """
    Make directories with owner and permissions. Their contents stay as they are.

    + paths: parents before children
    + user: owner
    + group: group
    + mode: permissions in octal, without a leading zero; ``2775`` gives new files inside the group of the directory

    **Example:**

    .. code:: python

        directories(paths=["/srv/shop/shared"], user="deploy", group="www-data", mode="2775")
    """
    found = host.get_fact(Entries, paths=list(paths))
    wanted = Entry("directory", user, group, mode)
    wrong = [path for path in paths if found.get(path) != wanted]
    if not wrong:
        host.noop(f"{len(paths)} directories are as they should be")
        return
    for path in wrong:
        entry = found.get(path)
        if entry is not None and entry.kind != "directory":
            raise OperationError(f"{path} is a {entry.kind}, not a directory")
    bits = [QuoteString(path) for path in wrong]
    yield StringCommand("mkdir -p --", *bits)
    yield StringCommand("chown", QuoteString(f"{user}:{group}"), "--", *bits)
    yield StringCommand("chmod", QuoteString(mode), "--", *bits)


@operation()
def heirs(paths: Sequence[str], users: Sequence[str]) -> Commands:
    """
    Let users write the files that are created in directories from now on, whoever creates them (a default ACL).

    Existing files in the directories stay as they are.

    + paths: existing directories
    + users: who may write

    **Example:**

    .. code:: python

        heirs(paths=["/srv/shop/shared/storage"], users=["deploy", "www-data"])
    """
    found = host.get_fact(Heirs, paths=list(paths))
    wrong = [path for path in paths if not found.get(path, frozenset()) >= set(users)]
    if not wrong:
        host.noop(f"{len(paths)} directories are as they should be")
        return
    entries = ",".join(f"d:u:{user}:rwX" for user in users)
    yield StringCommand("setfacl -m", QuoteString(entries), "--", *[QuoteString(path) for path in wrong])


@operation()
def first_link(path: str, target: str, user: str, group: str) -> Commands:
    """
    Make a link where there is none. An existing link stays: a release has set it.

    + path: of the link
    + target: target of the link, relative or absolute
    + user: owner
    + group: group

    **Example:**

    .. code:: python

        first_link(path="/srv/shop/live", target="blue", user="deploy", group="deploy")
    """
    entry = host.get_fact(Entries, paths=[path]).get(path)
    if entry is not None:
        if entry.kind != "link":
            raise OperationError(f"{path} is a {entry.kind}, not a link")
        host.noop(f"{path} points to {entry.content}")
        return
    yield StringCommand("ln -s --", QuoteString(target), QuoteString(path))
    yield StringCommand("chown -h", QuoteString(f"{user}:{group}"), "--", QuoteString(path))


@operation()
def link(path: str, target: str) -> Commands:
    """
    Make a link that root owns. It is renamed into place over an older link.

    + path: of the link
    + target: target of the link

    **Example:**

    .. code:: python

        link(path="/etc/orchestrator/shop/tls.pem", target="/etc/letsencrypt/live/shop.example/fullchain.pem")
    """
    entry = host.get_fact(Entries, paths=[path]).get(path)
    if entry is not None and entry.kind != "link":
        raise OperationError(f"{path} is a {entry.kind}, not a link")
    if entry is not None and entry.content == target:
        host.noop(f"{path} points to {target}")
        return
    yield StringCommand("ln -sfn --", QuoteString(target), QuoteString(f"{path}.new"))
    yield StringCommand("mv -fT --", QuoteString(f"{path}.new"), QuoteString(path))


@operation()
def first_file(path: str, text: str, user: str, group: str, mode: str = "644") -> Commands:
    """
    Write a file where there is none. An existing file stays: it holds state.

    + path: of the file
    + text: its first content
    + user: owner
    + group: group
    + mode: permissions in octal

    **Example:**

    .. code:: python

        first_file(path="/var/lib/orchestrator/shop/weights.map", text="green 0\\n", user="deploy", group="deploy")
    """
    if host.get_fact(Entries, paths=[path]).get(path) is not None:
        host.noop(f"{path} is there")
        return
    yield from file._inner(  # noqa: SLF001 (how pyinfra nests an operation)
        path=path, text=text, user=user, group=group, mode=mode
    )


@operation()
def absent(path: str) -> Commands:
    """
    Remove a file or link.

    + path: of the file or link

    **Example:**

    .. code:: python

        absent(path="/etc/nginx/sites-enabled/default")
    """
    if host.get_fact(Entries, paths=[path]).get(path) is None:
        host.noop(f"{path} is not there")
        return
    yield StringCommand("rm -f --", QuoteString(path))


@operation(is_idempotent=False)
def load(
    command: str, process: str, ports: Sequence[int], files: Sequence[str], stamp: str, seconds: int = 10
) -> Commands:
    """
    Make a service read its configuration, check that it did, and remember the files that it read.

    + command: such as ``systemctl reload nginx``
    + process: name of the process that must listen
    + ports: ports on which the process must listen afterwards
    + files: configuration files that the service reads
    + stamp: path of the file that holds their checksums (fact ``Current``)
    + seconds: seconds within which the process must listen

    A reload is only a signal: its status does not show whether the service accepted the new configuration. nginx, for
    example, keeps the old configuration if another program holds a port.

    **Example:**

    .. code:: python

        load(
            command="systemctl reload nginx",
            process="nginx",
            ports=[8080],
            files=["/etc/nginx/conf.d/shop.conf"],
            stamp="/etc/orchestrator/shop/loaded/nginx",
        )
    """
    about = [command, process, " ".join(str(port) for port in ports), str(seconds), stamp, *files]
    yield guarded(read("provision/load.sh"), about, None)


@operation()
def no_git_setting(
    config: str, key: str, values: Sequence[str], files: Sequence[str], library: str, user: str
) -> Commands:
    """
    Take a value that no application needs any more out of a user's git configuration.

    Only a value that provisioning wrote is removed, together with the files that it names.

    + config: path of the file, such as ``/home/deploy/.gitconfig``
    + key: such as ``core.sshCommand``
    + values: values that provisioning may have written; any other value stays
    + files: files that are removed with the value
    + library: library directory of the application; applications in directories beside it may still need the value
    + user: owner of the files, as whom they are removed: root would follow links in the home directory

    **Example:**

    .. code:: python

        no_git_setting(config="/home/deploy/.gitconfig", key="core.sshCommand", values=["ssh -i /home/deploy/.ssh/k"],
                       files=["/home/deploy/.ssh/k"], library="/usr/local/lib/orchestrator/shop", user="deploy")
    """
    value = host.get_fact(GitSetting, config=config, key=key)
    if value not in values:
        host.noop(f"{key} is not ours")
        return
    if earlier := host.get_fact(Earlier, library=library):
        host.noop(f"{key} is needed by {', '.join(earlier)}")
        return
    as_user, ours = ["runuser -u", QuoteString(user), "--"], [QuoteString(key), QuoteString(value)]
    yield StringCommand(*as_user, "git config --file", QuoteString(config), "--fixed-value --unset-all", *ours)
    yield StringCommand(*as_user, "rm -f --", *[QuoteString(path) for path in files])
