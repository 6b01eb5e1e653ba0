"""The rule finds each fault that this project once had, in the lines that strace prints for the fault."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.root.rule import Allowed, Entry, Others, violations, weakness
from tests.root.trace import Process, Touch, arguments, decoded, touches

DEPLOY, WEB = 1000, 33
OTHERS = Others(frozenset({DEPLOY, WEB}), frozenset({DEPLOY, WEB}))
ROOTS = Entry(0, 0, 0o755)
OWN = Entry(DEPLOY, DEPLOY, 0o755)
ENTRIES = {
    **dict.fromkeys(("/", "/srv", "/etc", "/run", "/run/orchestrator", "/var", "/var/lib", "/var/log", "/home"), ROOTS),
    "/srv/shop": OWN,
    "/srv/shop/blue": OWN,
    "/srv/shop/blue/run": Entry(DEPLOY, WEB, 0o775),
    "/srv/shop/guard": OWN,
    "/srv/shop/shared": OWN,
    "/srv/shop/shared/storage": Entry(DEPLOY, WEB, 0o2775),
    "/run/orchestrator/shop-blue": Entry(WEB, WEB, 0o755),
    "/var/lib/orchestrator": ROOTS,
    "/var/lib/orchestrator/shop": OWN,
    "/tmp": Entry(0, 0, 0o1777),
    "/data": ROOTS,
    "/home/deploy": OWN,
    "/etc/www": Entry(0, WEB, 0o775),
    "/lib": Entry(0, 0, 0o777, "usr/lib"),
    "/usr": ROOTS,
    "/usr/lib": ROOTS,
    "/srv/link": Entry(0, 0, 0o777, "../home/deploy/place"),
}
FIRST = {1: Process(0, "/"), 9: Process(0, "/root", ("/usr/sbin/sshd",)), 50: Process(DEPLOY, "/home/deploy")}


def found(*lines: str, allowed: tuple[Allowed, ...] = ()) -> list[str]:
    """The violations in lines of strace, without the programs."""
    return [line.rpartition(": ")[0] for line in violations(touches(lines, FIRST), ENTRIES, OTHERS, allowed)]


FAULTS = {
    "PHP-FPM's master binds its socket where others can write, and gives it away by its path": (
        [
            '9 bind(8<UNIX:[1]>, {sa_family=AF_UNIX, sun_path="/srv/shop/blue/run/fpm.sock"}, 110) = 0',
            '9 chown("/srv/shop/blue/run/fpm.sock", 33, 33) = 0',
        ],
        ["bind /srv/shop/blue/run/fpm.sock: others can change /srv/shop", "chown /srv/shop/blue/run/fpm.sock"],
    ),
    "provisioning writes the weights": (
        [
            '9 openat(AT_FDCWD</root>, "/var/lib/orchestrator/shop/weights.map.candidate", O_WRONLY|O_CREAT, 0666)'
            " = 3</etc/shadow>",
            '9 fchownat(AT_FDCWD</root>, "/var/lib/orchestrator/shop/weights.map.candidate", 1000, 1000, 0) = 0',
        ],
        ["openat /var/lib/orchestrator/shop/weights.map.candidate: others can change /var/lib/orchestrator/shop"],
    ),
    "provisioning makes nested shared directories": (
        [
            '9 mkdir("/srv/shop/shared/storage/logs", 0777) = 0',
            '9 fchownat(AT_FDCWD</root>, "/srv/shop/shared/storage/logs", 1000, 33, 0) = 0',
            '9 fchmodat(AT_FDCWD</root>, "/srv/shop/shared/storage/logs", 02775) = 0',
            '9 setxattr("/srv/shop/shared/storage/logs", "system.posix_acl_default", "\\2\\0", 44, 0) = 0',
        ],
        ["mkdir /srv/shop", "fchownat /srv/shop", "fchmodat /srv/shop", "setxattr /srv/shop"],
    ),
    "provisioning writes the drain mark": (
        [
            '9 openat(AT_FDCWD</root>, "/srv/shop/guard/drain.new", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 3</srv/x>',
            '9 rename("/srv/shop/guard/drain.new", "/srv/shop/guard/drain") = 0',
            '9 unlinkat(AT_FDCWD</root>, "/srv/shop/guard/drain", 0) = 0',
        ],
        [
            "openat /srv/shop/guard/drain.new",
            "rename /srv/shop/guard/drain.new",
            "rename /srv/shop/guard/drain",
            "unlinkat /srv/shop/guard/drain",
        ],
    ),
    "a unit writes as root into its runtime directory, which the web user owns": (
        ['1 openat(AT_FDCWD</>, "/run/orchestrator/shop-blue/loaded", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 3</run/l>'],
        ["openat /run/orchestrator/shop-blue/loaded: others can change /run/orchestrator/shop-blue"],
    ),
    "provisioning permits keys in the deploy user's home directory": (
        ['9 open("/home/deploy/.ssh/authorized_keys", O_RDWR|O_APPEND) = 4</home/deploy/.ssh/authorized_keys>'],
        ["open /home/deploy/.ssh/authorized_keys: others can change /home/deploy"],
    ),
    "a file with a known name in a directory of all users": (
        ['9 openat(AT_FDCWD</>, "/tmp/main.pid", O_RDWR|O_CREAT, 0644) = 4</tmp/main.pid>'],
        ["openat /tmp/main.pid: others can change /tmp"],
    ),
    "a link of another user leads an open file elsewhere": (
        ['9 openat(AT_FDCWD</>, "/etc/file", O_WRONLY) = 4</home/deploy/file>'],
        ["openat /etc/file: others can change /home/deploy"],
    ),
    "root's own link leads to a directory of others": (
        ['9 mkdir("/srv/link/x", 0777) = 0'],
        ["mkdir /srv/link/x: others can change /home/deploy"],
    ),
    "a relative path in a directory of others": (
        [
            '9 chdir("/srv/shop") = 0',
            '9 mkdir("x/y", 0777) = 0',
            "9 fchdir(3</srv/shop/blue>) = 0",
            '9 rmdir("run") = 0',
        ],
        ["mkdir /srv/shop/x/y", "rmdir /srv/shop/blue/run"],
    ),
    "an open directory of others": (
        ["9 fchown(5</srv/shop/blue/run>, 33, 33) = 0", '9 unlinkat(5</srv/shop>, "x", 0) = -1 ENOENT (No such file)'],
        ["fchown /srv/shop/blue/run", "unlinkat /srv/shop/x"],
    ),
    "a group of others may write": (['9 unlink("/etc/www/x") = 0'], ["unlink /etc/www/x: others can change /etc/www"]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found(fault: str) -> None:
    lines, wanted = FAULTS[fault]
    seen = found(*lines)
    assert len(seen) >= len(wanted)
    for line in wanted:
        assert any(one.startswith(line) for one in seen), (line, seen)


RIGHT = [
    '9 openat(AT_FDCWD</root>, "/etc/orchestrator/shop.candidate", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 3</etc/o/shop>',
    '9 openat(AT_FDCWD</root>, "/srv/shop/blue/release", O_RDONLY|O_DIRECTORY) = 3</srv/shop/blue/release>',
    '9 openat(AT_FDCWD</root>, "/srv/shop/blue", O_RDWR|O_PATH) = 3</srv/shop/blue>',
    '9 openat(AT_FDCWD</root>, "/dev/null", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 3</dev/null>',
    '9 chown("/srv/shop", 1000, 1000) = 0',
    '9 mkdir("/tmp/tmp.Xy12", 0700) = 0',
    '9 openat(AT_FDCWD</tmp>, "/tmp/tmp.Xy12/nginx.conf", O_WRONLY|O_CREAT, 0666) = 3</tmp/tmp.Xy12/nginx.conf>',
    '9 openat(AT_FDCWD</tmp>, "/tmp/tmp.abc", O_RDWR|O_CREAT|O_EXCL, 0600) = 3</tmp/tmp.abc>',
    '9 fchownat(AT_FDCWD</tmp>, "tmp.abc", 0, 33, 0) = 0',
    '9 mkdir("/lib/x", 0700) = 0',
    "9 fchmod(4<pipe:[12]>, 0600) = 0",
    '9 bind(8<UNIX:[1]>, {sa_family=AF_UNIX, sun_path=@"abstract"}, 110) = 0',
    "9 utimensat(4</srv/shop/x>, NULL, NULL, 0) = 0",
    # the deploy user's own processes
    '50 mkdir("/srv/shop/releases", 0777) = 0',
]


def test_what_is_right_is_not_found() -> None:
    assert found(*RIGHT) == []


def test_a_process_that_gave_up_root_s_rights_is_not_root() -> None:
    touch = 'mkdir("/srv/shop/x", 0777) = 0'
    assert found(
        f"9 {touch.replace('/x', '/before')}",
        "9 vfork( <unfinished ...>",
        '77 execve("/usr/sbin/runuser", ["runuser", "-u", "deploy", "--", "a, \\"b\\""], 0x7 /* 9 vars */) = 0',
        "77 setresuid(1000, 1000, 1000) = 0",
        f"77 {touch}",
        "9 <... vfork resumed>) = 12 /* 77 in strace's PID NS */",
        "77 +++ exited with 0 +++",
        f"9 {touch.replace('/x', '/after')}",
    ) == [f"mkdir /srv/shop/{name}: others can change /srv/shop" for name in ("before", "after")]


def test_a_child_may_act_before_its_parents_first_call_ends() -> None:
    assert (
        found(
            "50 clone(child_stack=NULL, flags=SIGCHLD) = 12 /* 77 in strace's PID NS */",
            "77 clone(child_stack=NULL, flags=SIGCHLD <unfinished ...>",
            '78 mkdir("/srv/shop/as-deploy", 0777) = 0',
            "77 <... clone resumed>) = 13 /* 78 in strace's PID NS */",
            '77 mkdir("/srv/shop/as-deploy-too", 0777) = 0',
        )
        == []
    )


def test_sudo_is_root_again() -> None:
    lines = [
        '50 execve("/usr/bin/sudo", ["sudo", "-n", "/usr/local/lib/orchestrator/shop/remove"], 0x7 /* 9 vars */) = 0',
        "50 setresuid(-1, 1000, -1) = 0",
        '50 mkdir("/srv/shop/as-deploy", 0777) = 0',
        "50 setresuid(-1, 0, -1) = 0",
        "50 clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD, child_tidptr=0x7) = 51",
        '51 execve("/usr/bin/rm", ["rm", "-rf", "./.x.part"], 0x7 /* 9 vars */) = 0',
        '51 unlinkat(4</srv/shop/releases>, ".x.part", AT_REMOVEDIR) = 0',
        '51 unlinkat(AT_FDCWD</srv/shop>, "releases/y", 0) = 0',
    ]
    assert len(found(*lines)) == 2
    allowed = Allowed(r"shop/remove", "/srv/shop/releases/.*", "enters the directory first")
    assert found(*lines, allowed=(allowed,)) == ["unlinkat /srv/shop/releases/y: others can change /srv/shop"]
    assert found(*lines, allowed=(Allowed("shop/other", ".*", "", anchored=False),)) == found(*lines)


def test_an_exception_also_covers_an_entry_of_one_directory() -> None:
    directory = "/run/orchestrator/shop-blue"
    one = Allowed("^init", f"{directory}/.*", "unlink follows no symlink")

    def permits(touch: Touch, weak: str) -> bool:
        return one.permits(replace(touch, programs=("init",)), weak)

    unlink = Touch("unlink", "/", f"{directory}/pid")
    assert permits(unlink, directory)
    assert not permits(unlink, "/run")
    assert not permits(replace(unlink, follows=True), directory)
    assert not permits(Touch("unlink", "/", f"{directory}/below/pid"), directory)


def test_an_exception_also_covers_a_directory_of_the_user_alone() -> None:
    shared = "/srv/shop/shared/storage"
    private = f"{shared}/.seed.part"
    one = Allowed("share", "/srv/shop/shared/.*", "no other user enters", within=rf"{private}(/.*)?")

    def permits(cwd: str, place: str, path: str) -> bool:
        return one.permits(Touch("fchmodat", place, path, True, ("share",), cwd=cwd), shared)

    assert permits(private, private, "./x")
    assert permits(private, private, "x/y")
    assert permits(private, f"{private}/x", "y")
    assert permits(f"{private}/x", f"{private}/x", "y")
    assert not permits(shared, private, "x")
    assert not permits(shared, shared, ".seed.part/x")
    assert not permits(private, shared, ".seed.part/x")
    assert not permits(private, private, f"{private}/x")
    assert not permits(private, private, "../x")


def test_the_deploy_user_s_processes_are_judged_alike() -> None:
    lines = ['50 mkdir("/srv/shop/shared/storage/x", 0777) = 0', '9 mkdir("/srv/shop/shared/storage/y", 0777) = 0']
    web = Others(frozenset({WEB}), frozenset({WEB}))
    seen = violations(touches(lines, FIRST, DEPLOY), ENTRIES, web, ())
    assert [line.rpartition(": ")[0] for line in seen] == [
        "mkdir /srv/shop/shared/storage/x: others can change /srv/shop/shared/storage"
    ]


@pytest.mark.parametrize(
    ("touch", "anchored"),
    [
        (Touch("fchownat", "/srv/shop", "."), True),
        (Touch("fchmodat", "/srv/shop", ".", follows=True), True),
        (Touch("mkdirat", "/srv/shop", "./x"), True),
        (Touch("fchown", "/srv/shop", ""), True),
        (Touch("fchownat", "/srv/shop", "x", follows=True), False),
        (Touch("mkdir", "/srv/shop", "x/y"), False),
        (Touch("mkdir", "/srv/shop", "/srv"), False),
        (Touch("rename", "/srv/shop", ".."), False),
    ],
)
def test_an_anchored_call_cannot_be_redirected(touch: Touch, anchored: bool) -> None:
    assert touch.is_anchored is anchored


def test_all_paths_of_a_call_are_read() -> None:
    lines = [
        '9 renameat2(3</a>, "b", AT_FDCWD</c>, "d", RENAME_NOREPLACE) = 0',
        '9 linkat(AT_FDCWD</a>, "b", 4</c>, "d", AT_SYMLINK_FOLLOW) = 0',
        '9 symlinkat("/target", 4</c>, "d") = 0',
        '9 symlink("/target", "d") = 0',
        '9 link("b", "/c/d") = 0',
        '9 lchown("x", 0, 0) = 0',
        '9 fchownat(AT_FDCWD</a>, "x", 0, 0, AT_SYMLINK_NOFOLLOW) = 0',
        '9 truncate("x", 0) = 0',
    ]
    assert [(one.call, one.absolute, one.follows, one.creates) for one in touches(lines, FIRST)] == [
        ("renameat2", "/a/b", False, False),
        ("renameat2", "/c/d", False, False),
        ("linkat", "/a/b", True, False),
        ("linkat", "/c/d", False, True),
        ("symlinkat", "/c/d", False, True),
        ("symlink", "/root/d", False, True),
        ("link", "/root/b", False, False),
        ("link", "/c/d", False, True),
        ("lchown", "/root/x", False, False),
        ("fchownat", "/a/x", False, False),
        ("truncate", "/root/x", True, False),
    ]


def test_calls_are_read_as_strace_writes_them() -> None:
    assert arguments('3</a, b>, "x, \\"y\\"", {sa_family=AF_UNIX, sun_path="/z"}, O_RDONLY|O_CLOEXEC') == [
        "3</a, b>",
        '"x, \\"y\\""',
        '{sa_family=AF_UNIX, sun_path="/z"}',
        "O_RDONLY|O_CLOEXEC",
    ]
    assert decoded('"/a\\n\\303\\244 \\"b\\\\"') == '/a\nä "b\\'
    lines = [
        '9 openat(AT_FDCWD</>, "/a", O_WRONLY <unfinished ...>',
        '1 mkdir("/b", 0777) = -1 EEXIST (File exists)',
        "9 <... openat resumed>) = 3</c>",
        "a line that is no call",
        "9 exit_group(0) = ?",
    ]
    assert [(touch.call, touch.absolute, touch.real) for touch in touches(lines, FIRST)] == [
        ("mkdir", "/b", ""),
        ("openat", "/a", "/c"),
    ]


def test_a_loop_of_links_has_an_end() -> None:
    loop = {"/": ROOTS, "/a": Entry(0, 0, 0o777, "/a")}
    assert weakness("/a/b", True, loop, OTHERS) == "/a"


def test_files_that_root_reads_or_executes_are_found_if_asked() -> None:
    lines = [
        '9 openat(AT_FDCWD</root>, "/srv/shop/guard/fence", O_RDONLY) = 3</etc/shadow>',
        '9 openat(AT_FDCWD</root>, "/srv/shop/releases", O_RDONLY|O_DIRECTORY) = 3</srv/shop/releases>',
        '9 openat(AT_FDCWD</root>, "/srv/shop/blue/started", O_RDONLY) = -1 ENOENT (No such file or directory)',
        '9 execve("/srv/shop/blue/run/program", ["program"], 0x7 /* 9 vars */) = 0',
        '9 openat(AT_FDCWD</root>, "/etc/file", O_RDONLY) = 3</srv/shop/file>',
    ]
    seen = violations(touches(lines, FIRST, reads=True), ENTRIES, OTHERS, ())
    assert [line.split(": ")[0] for line in seen] == [
        "openat /srv/shop/guard/fence",
        "execve /srv/shop/blue/run/program",
        "openat /etc/file",
    ]
    assert found(*lines) == []
