"""The pyinfra operations of provisioning.

If a host is already in the wanted state, an operation changes nothing. Only ``load``, ``firewall``, ``wider_firewall``,
``configured``, ``given``, ``color_up`` and ``color_listens`` always run their command.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Mapping, Sequence

from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.exceptions import OperationError
from pyinfra.api.operation import operation
from pyinfra.context import host

from orchestrator.operations import configure
from orchestrator.provision.facts import AuthorizedKeys, Barred, Earlier, Entries, Entry, GitSetting, Heirs
from orchestrator.scripts.files import read
from orchestrator.scripts.guarded import as_user, guarded

Commands = Generator[StringCommand, None, None]

Found = Mapping[str, Entry | None] | None
"""What exists at the paths of an operation: path -> entry. None if an operation must ask the host."""


@operation()
def file(
    path: str,
    text: str,
    user: str = "root",
    group: str = "root",
    mode: str = "644",
    check: str = "",
    found: Found = None,
) -> Commands:
    """
    Install a file, if a check accepts its new content.

    + path: path of the file
    + text: content of the file
    + user: owner of the file
    + group: group of the file
    + mode: permissions in octal, without a leading zero
    + check: shell command that checks the new content; empty for no check. In this command, ``$candidate`` is the path
      of a file with the new content, and ``$path`` is the path where the file will be installed.
    + found: what exists at the path, if the caller knows it: path -> entry. With None, the operation asks the host.

    The new content is first written to ``<path>.candidate``. If ``check`` ends with status 0, this file is renamed to
    ``path``. Otherwise the operation fails with the messages of ``check`` on stderr, and the present file at ``path``
    stays unchanged.

    The content may contain secrets. Therefore it is sent through standard input, and only users who may read the
    installed file can read ``<path>.candidate``.

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
    yield from _file(path, text, user, group, mode, check, found, "placed")


@operation()
def candidate(
    path: str,
    text: str,
    user: str = "root",
    group: str = "root",
    mode: str = "644",
    check: str = "",
    found: Found = None,
) -> Commands:
    """
    Check the new content of a file as the operation ``file`` does, but do not install the file.

    The arguments are the same as for ``file``. If the file at ``path`` already has this content, owner, group and mode,
    the operation does nothing.

    **Example:**

    .. code:: python

        candidate(path="/etc/sudoers.d/shop", text="...", mode="440", check='visudo -c -q -f "$candidate"')
    """
    yield from _file(path, text, user, group, mode, check, found, "check")


def _file(path: str, text: str, user: str, group: str, mode: str, check: str, found: Found, until: str) -> Commands:
    """Yield the command that checks the new content of a file and, if wanted, installs the file.

    + path, text, user, group, mode, check, found: as for the operation ``file``
    + until: ``check`` to only check the content; ``placed`` to check the content and install the file
    """
    digest = hashlib.sha256(text.encode()).hexdigest()
    if _entry(path, found) == Entry("file", user, group, mode, digest):
        host.noop(f"{path} is as it should be")
        return
    yield _put(path, text, user, group, mode, check, until)


def _entries(paths: Sequence[str], found: Found) -> Mapping[str, Entry | None]:
    """Return what exists at each path: path -> entry.

    + found: what exists at the paths; None to ask the current host
    """
    if found is not None:
        return found
    entries: dict[str, Entry | None] = host.get_fact(Entries, paths=list(paths))
    return entries


def _entry(path: str, found: Found) -> Entry | None:
    """Return what exists at a path; None if nothing exists. The arguments are the same as for `_entries`."""
    return _entries([path], found).get(path)


def _put(
    path: str, text: str, user: str, group: str, mode: str, check: str, until: str, by: str | None = None
) -> StringCommand:
    """Return the command that checks the new content of a file and, if wanted, installs the file.

    + path, text, user, group, mode, check, until: as for `_file`
    + by: user as whom the command runs; None for the user who logs in
    """
    digest = hashlib.sha256(text.encode()).hexdigest()
    about = [path, f"{user}:{group}", mode, check, digest, until]
    return StringCommand(as_user(by, guarded(read("provision/file.sh"), about, None)), _stdin=text)


@operation()
def directories(
    paths: Sequence[str], user: str = "root", group: str = "root", mode: str = "755", found: Found = None
) -> Commands:
    """
    Make directories, and set their owner and permissions. The contents of existing directories stay as they are.

    + paths: paths of the directories, parents before children. Only root can change the directories above them. For
      other directories, there is the operation ``directories_below``.
    + user: owner of the directories
    + group: group of the directories
    + mode: permissions in octal, without a leading zero. With ``2775``, new files in a directory get the directory's
      group.
    + found: what exists at the paths, if the caller knows it: path -> entry. With None, the operation asks the host.

    **Example:**

    .. code:: python

        directories(paths=["/srv/shop"], user="deploy", group="deploy")
    """
    bits = [QuoteString(path) for path in _changed(paths, user, group, mode, found)]
    if bits:
        yield StringCommand("mkdir -p --", *bits)
        yield StringCommand("chown", QuoteString(f"{user}:{group}"), "--", *bits)
        yield StringCommand("chmod", QuoteString(mode), "--", *bits)


@operation()
def directories_below(
    base: str, paths: Sequence[str], user: str, group: str, mode: str = "755", found: Found = None
) -> Commands:
    """
    Make directories below ``base``, and set their owner and permissions. Users other than root can change ``base``.

    The contents of existing directories stay as they are. If there is a symlink in a path below ``base``, the operation
    fails, and changes nothing behind the symlink. This also holds if a user makes the symlink while the operation runs.

    + base: path of an existing directory. Only root can change the directories above ``base``.
    + paths: absolute paths of directories below ``base``, parents before children
    + user: owner of the directories
    + group: group of the directories
    + mode: permissions in octal, without a leading zero. With ``2775``, new files in a directory get the directory's
      group.
    + found: what exists at the paths, if the caller knows it: path -> entry. With None, the operation asks the host.

    **Example:**

    .. code:: python

        directories_below(base="/srv/shop", paths=["/srv/shop/shared"], user="deploy", group="www-data", mode="2775")
    """
    wrong = _changed(paths, user, group, mode, found)
    if wrong:
        about = [base, user, group, mode, *_relative(base, wrong)]
        yield guarded(read("provision/directories_below.sh"), about, None)


def _changed(paths: Sequence[str], user: str, group: str, mode: str, found: Found) -> list[str]:
    """Return the paths at which a directory must be made or changed. If there are none, call ``host.noop``.

    Raises OperationError if a path exists and is not a directory. The arguments are the same as for the operation
    ``directories``.
    """
    there = _entries(paths, found)
    wrong = wrong_directories(there, paths, user, group, mode)
    if not wrong:
        host.noop(f"{len(paths)} directories are as they should be")
    for path in wrong:
        entry = there.get(path)
        if entry is not None and entry.kind != "directory":
            raise OperationError(f"{path} is a {entry.kind}, not a directory")
    return wrong


def _relative(base: str, paths: Sequence[str]) -> list[str]:
    """Return paths relative to a directory above them. Raises ValueError if a path is not below this directory."""
    above = f"{base.rstrip('/')}/"
    if outside := [path for path in paths if not path.startswith(above)]:
        raise ValueError(f"{', '.join(outside)}: each path must be below the directory {base}")
    return [path.removeprefix(above) for path in paths]


def wrong_directories(
    found: Mapping[str, Entry | None],
    paths: Sequence[str],
    user: str = "root",
    group: str = "root",
    mode: str = "755",
) -> list[str]:
    """Return the paths at which there is no directory with the given owner, group and mode. Pure.

    + found: result of the fact ``Entries``
    + paths, user, group, mode: as for the operation ``directories``
    """
    wanted = Entry("directory", user, group, mode)
    return [path for path in paths if found.get(path) != wanted]


@operation()
def heirs(base: str, paths: Sequence[str], users: Sequence[str]) -> Commands:
    """
    Permit some users to write to all files that any user creates in some directories from now on.

    The operation sets a default ACL on the directories. Existing files in the directories stay as they are. Like
    ``directories_below``, the operation follows no symlink below ``base``.

    + base: path of an existing directory. Only root can change the directories above ``base``.
    + paths: absolute paths of existing directories below ``base``
    + users: names of the users who may write

    **Example:**

    .. code:: python

        heirs(base="/srv/shop", paths=["/srv/shop/shared/storage"], users=["deploy", "www-data"])
    """
    found = host.get_fact(Heirs, paths=list(paths))
    wrong = [path for path in paths if not found.get(path, frozenset()) >= set(users)]
    if not wrong:
        host.noop(f"{len(paths)} directories are as they should be")
        return
    entries = ",".join(f"d:u:{user}:rwX" for user in users)
    yield guarded(read("provision/heirs.sh"), [base, entries, *_relative(base, wrong)], None)


@operation(is_idempotent=False)
def given(root: str, deploy: str, user: str, former: Sequence[str], record: str, targets: Sequence[str]) -> Commands:
    """
    Stop both colors of an application, and give the files of former web users to another web user.

    The operation changes owners, groups and ACLs below the directory of the application. It follows no symlink, and
    leaves the files of other users as they are. The colors stay stopped.

    + root: directory of the application. Only root can change the directories above ``root``.
    + deploy: name of the deploy user, whose files may have groups and ACL entries of the former web users
    + user: name of the web user who gets the files
    + former: names of the former web users
    + record: path of the file that names the users to whom files may belong
    + targets: systemd units to stop: the targets of the colors, the units of the workers, and the services of the
      schedules

    **Example:**

    .. code:: python

        given(root="/srv/shop", deploy="deploy", user="shop-web", former=["www-data"],
              record="/etc/orchestrator/shop/web_user", targets=["shop-blue.target", "shop-green.target"])
    """
    yield guarded(read("provision/give.sh"), [root, deploy, user, record, " ".join(targets), *former], None)


@operation()
def first_link(path: str, target: str, user: str, found: Found = None) -> Commands:
    """
    Make a symlink, if nothing exists at the path. An existing symlink stays, because a release may have changed it.

    + path: path of the symlink
    + target: target of the symlink, relative or absolute
    + user: owner of the symlink. The command runs as this user, who also owns the directory of the symlink.
    + found: what exists at the path, if the caller knows it: path -> entry. With None, the operation asks the host.

    **Example:**

    .. code:: python

        first_link(path="/srv/shop/live", target="blue", user="deploy")
    """
    entry = _entry(path, found)
    if entry is not None:
        if entry.kind != "link":
            raise OperationError(f"{path} is a {entry.kind}, not a link")
        host.noop(f"{path} points to {entry.content}")
        return
    yield as_user(user, StringCommand("ln -sT --", QuoteString(target), QuoteString(path)))


@operation()
def link(path: str, target: str, found: Found = None) -> Commands:
    """
    Make a symlink that root owns. If the symlink exists with another target, it is replaced in one atomic step.

    + path: path of the symlink
    + target: target of the symlink
    + found: what exists at the path, if the caller knows it: path -> entry. With None, the operation asks the host.

    **Example:**

    .. code:: python

        link(path="/etc/orchestrator/shop/tls.pem", target="/etc/letsencrypt/live/shop.example/fullchain.pem")
    """
    entry = _entry(path, found)
    if entry is not None and entry.kind != "link":
        raise OperationError(f"{path} is a {entry.kind}, not a link")
    if entry is not None and entry.content == target:
        host.noop(f"{path} points to {target}")
        return
    yield StringCommand("ln -sfn --", QuoteString(target), QuoteString(f"{path}.new"))
    yield StringCommand("mv -fT --", QuoteString(f"{path}.new"), QuoteString(path))


@operation()
def first_file(
    path: str, text: str, user: str, group: str, by: str, mode: str = "644", found: Found = None
) -> Commands:
    """
    Write a file, if nothing exists at the path. An existing file stays, because it holds state that runs have changed.

    + path: path of the file
    + text: first content of the file
    + user: owner of the file
    + group: group of the file
    + by: user as whom the commands run: the user who owns the directory of the file
    + mode: permissions in octal, without a leading zero
    + found: what exists at the path, if the caller knows it: path -> entry. With None, the operation asks the host.

    **Example:**

    .. code:: python

        first_file(path="/var/log/orchestrator/shop/record", text="", user="deploy", group="deploy", by="root")
    """
    if _entry(path, found) is not None:
        host.noop(f"{path} is there")
        return
    yield _put(path, text, user, group, mode, "", "placed", None if by == "root" else by)


@operation()
def weights_map(path: str, weight: int, user: str, group: str, found: Found = None) -> Commands:
    """
    Make HAProxy's map file, which belongs to root, and to which the deploy user may write.

    If an earlier version of this tool has made the file, it belongs to the deploy user. Then the file is replaced by a
    file with the same weight.

    + path: path of the file. Its directory belongs to root and is sticky, so that only root can replace the file.
    + weight: green's weight in per cent, if there is no file yet
    + user: name of the deploy user, as whom the present file is read
    + group: primary group of the deploy user
    + found: what exists at the path, if the caller knows it: path -> entry. With None, the operation asks the host.

    **Example:**

    .. code:: python

        weights_map(path="/var/lib/orchestrator/shop/weights.map", weight=0, user="deploy", group="deploy")
    """
    entry = _entry(path, found)
    if entry is not None and (entry.kind, entry.user, entry.group, entry.mode) == ("file", "root", group, "664"):
        host.noop(f"{path} is there")
        return
    yield guarded(read("provision/weights_map.sh"), [path, str(weight), user, group], None)


@operation()
def authorized_keys(user: str, home: str, keys: Sequence[str]) -> Commands:
    """
    Permit public keys to log in as a user. Other keys that may log in as this user stay.

    + user: name of the user. The commands run as this user, because root would follow symlinks that this user may have
      made in the home directory.
    + home: home directory of the user
    + keys: the public keys, as lines of the file ``authorized_keys``

    **Example:**

    .. code:: python

        authorized_keys(user="deploy", home="/home/deploy", keys=["ssh-ed25519 AAAA... ann"])
    """
    there = {line.strip() for line in host.get_fact(AuthorizedKeys, user=user, home=home)}
    missing = [key for key in dict.fromkeys(keys) if key not in there]
    if not missing:
        host.noop(f"{len(keys)} keys may log in as {user}")
        return
    command = as_user(user, guarded(read("provision/authorized_keys.sh"), [home], None))
    yield StringCommand(command, _stdin="".join(f"{key}\n" for key in missing))


@operation()
def absent(path: str, found: Found = None) -> Commands:
    """
    Remove a file or symlink, if it exists.

    + path: path of the file or symlink
    + found: what exists at the path, if the caller knows it: path -> entry. With None, the operation asks the host.

    **Example:**

    .. code:: python

        absent(path="/etc/nginx/sites-enabled/default")
    """
    if _entry(path, found) is None:
        host.noop(f"{path} is not there")
        return
    yield StringCommand("rm -f --", QuoteString(path))


@operation(is_idempotent=False)
def load(
    command: str, process: str, ports: Sequence[int], files: Sequence[str], stamp: str, seconds: int = 10
) -> Commands:
    """
    Make a service load its configuration, check that the service listens on its ports, and write a stamp.

    The stamp is a file with the checksums of the configuration that the service has loaded (see fact ``Current``).

    + command: shell command that loads the configuration, such as ``systemctl reload nginx``
    + process: name of the process that must listen on the ports afterwards
    + ports: ports on which the process must listen afterwards
    + files: configuration files that the service reads
    + stamp: path of the stamp
    + seconds: seconds within which the process must listen

    The status of a reload does not show whether the service accepted the new configuration, because a reload is only a
    signal. For example, nginx keeps its old configuration if another program already listens on a port. Therefore this
    operation fails if the process does not listen on every port in time.

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


@operation(is_idempotent=False)
def firewall(table: str, path: str, stamp: str, unit: str) -> Commands:
    """
    Make the kernel load the firewall of an application, now and at boot. If there is no file, remove the firewall.

    + table: name of the application's table in nftables
    + path: path of the file with the rules
    + stamp: path of the stamp, which gets the checksum of the file
    + unit: name of the systemd unit that loads the file at boot

    **Example:**

    .. code:: python

        firewall(
            table="orchestrator_shop",
            path="/etc/orchestrator/shop/firewall.nft",
            stamp="/etc/orchestrator/shop/loaded/firewall",
            unit="shop-firewall.service",
        )
    """
    yield guarded(read("provision/firewall.sh"), [table, path, stamp, unit], None)


@operation(is_idempotent=False)
def wider_firewall(rules: str, stamp: str) -> Commands:
    """
    Replace the firewall of an application in the kernel by rules that are in no file. A later load ends these rules.

    + rules: the rules of nftables
    + stamp: path of the stamp of the firewall. This operation removes the stamp.

    **Example:**

    .. code:: python

        wider_firewall(rules="table inet orchestrator_shop { }", stamp="/etc/orchestrator/shop/loaded/firewall")
    """
    yield guarded(read("provision/firewall_widen.sh"), [stamp, rules], None)


@operation()
def no_git_setting(
    config: str, key: str, values: Sequence[str], files: Sequence[str], library: str, user: str
) -> Commands:
    """
    Remove a setting from a user's git configuration, if no application on the node needs the setting any more.

    The setting is removed only if provisioning wrote its value. The files that the value names are also removed.

    + config: path of the git configuration file, such as ``/home/deploy/.gitconfig``
    + key: name of the setting, such as ``core.sshCommand``
    + values: values that provisioning may have written. A setting with any other value stays.
    + files: files that are removed together with the setting
    + library: directory of this application's scripts. The directories of the other applications' scripts are in the
      same parent directory. If the directory of another application has no script ``ssh``, an earlier version of
      this tool provisioned that application, which may still need the setting. So the setting stays.
    + user: owner of the configuration file. The commands run as this user, because root would follow symlinks that this
      user may have made in the home directory.

    **Example:**

    .. code:: python

        no_git_setting(config="/home/deploy/.gitconfig", key="core.sshCommand", values=["ssh -i /home/deploy/.ssh/k"],
                       files=["/home/deploy/.ssh/k"], library="/usr/local/lib/orchestrator/shop", user="deploy")
    """
    value = host.get_fact(GitSetting, config=config, key=key, user=user)
    if value not in values:
        host.noop(f"{key} has no value that provisioning wrote, so nothing is removed")
        return
    if earlier := host.get_fact(Earlier, library=library):
        host.noop(f"{key} is needed by {', '.join(earlier)}")
        return
    as_user, ours = ["runuser -u", QuoteString(user), "--"], [QuoteString(key), QuoteString(value)]
    yield StringCommand(*as_user, "git config --file", QuoteString(config), "--fixed-value --unset-all", *ours)
    yield StringCommand(*as_user, "rm -f --", *[QuoteString(path) for path in files])


@operation()
def barred(bar: str, addresses: Sequence[str]) -> Commands:
    """
    Bar nodes at a balancer: the balancer opens no more connections to these nodes. Requests in flight continue.

    + bar: path of the program ``bar``, which bars only nodes that are in the balancer's list of nodes
    + addresses: addresses of the nodes that are to be barred, as the inventory has them

    **Example:**

    .. code:: python

        barred(bar="/usr/local/lib/orchestrator/shop/bar", addresses=["10.0.0.13"])
    """
    there = host.get_fact(Barred, bar=bar)
    wanted = [address for address in addresses if address not in there]
    if not wanted:
        host.noop("the nodes are barred")
        return
    for address in wanted:
        yield StringCommand(QuoteString(bar), QuoteString(address), "on")


@operation(is_idempotent=False)
def configured(root: str, releases: Sequence[str], packed: str, include: str, user: str) -> Commands:
    """
    Write into several releases the files that configure nginx, PHP-FPM and services for the release.

    + root: directory of the application
    + releases: ids of the releases
    + packed: the files, as a tar archive in base64
    + include: path of a file in each release with more directives for nginx; empty for none
    + user: owner of the releases. The commands run as this user, because root would follow symlinks that this user may
      have made in the releases.

    **Example:**

    .. code:: python

        configured(root="/srv/shop", releases=["20260101T120000Z-5d0f0c1"], packed=archive, include="",
                   user="deploy")
    """
    for release in releases:
        command = guarded(configure.SCRIPT, [root, release, "", "", include, ""], None)
        yield StringCommand("runuser -u", QuoteString(user), "--", command, _stdin=packed)


@operation(is_idempotent=False)
def color_up(target: str, verb: str, nginx: str, port: int, only: str, said: str) -> Commands:
    """
    Start or restart a color, and let the color start at boot.

    + target: systemd target of the color
    + verb: ``start`` or ``restart``
    + nginx: systemd unit of the color's nginx
    + port: the color's port. With an earlier version of this tool, the node's nginx had this port. If it still has the
      port, nginx of the color listens only at its socket, until the operation ``color_listens`` runs.
    + only: path of the socket-only mark. While this file exists, nginx of the color listens only at its socket.
    + said: systemd unit whose last log lines are shown if the start fails

    **Example:**

    .. code:: python

        color_up(target="shop-blue.target", verb="start", nginx="shop-blue-nginx.service", port=8081,
                 only="/run/orchestrator/shop-blue-nginx.socket-only", said="shop-blue-fpm.service")
    """
    yield guarded(read("provision/up.sh"), [target, verb, nginx, str(port), only, said], None)


@operation(is_idempotent=False)
def color_listens(only: str, nginx: str, stamp: str, port: int | None) -> Commands:
    """
    Make nginx of a color load its settings that do not depend on a release, and check that nginx listens on its port.

    The settings, such as the name of the node, are in a file that nginx of both colors includes.

    + only: path of the socket-only mark. While this file exists, nginx of the color listens only at its socket. The
      operation removes the file.
    + nginx: systemd unit of the color's nginx
    + stamp: path of nginx's stamp, a file with checksums of the configuration that nginx has loaded
    + port: the color's port; None if nginx need not listen at a known port

    **Example:**

    .. code:: python

        color_listens(only="/run/orchestrator/shop-blue-nginx.socket-only", nginx="shop-blue-nginx.service",
                      stamp="/run/orchestrator/shop-blue-nginx.loaded", port=8081)
    """
    yield guarded(read("provision/listen.sh"), [only, nginx, stamp, "" if port is None else str(port)], None)
