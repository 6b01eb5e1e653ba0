"""Arms a node to swap its ``live`` link by itself at one instant, and takes that back."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.scripts.guarded import Guard, guarded

# One process does all of it and is running long before the instant: nothing is started or read from disk then but
# two small files. perl, because it can rename(2) by itself and every Debian server with git has it.
#
# guard/armed names the arming in force, so that an earlier process finds that it is not its own; guard/fired says
# what became of it, "waiting" until then: a process that died (reboot) leaves just that. Both change by rename.
PROCESS = r"""
use strict;
use warnings;
use Fcntl qw(:flock);
use POSIX qw(setsid);
use Time::HiRes qw(time sleep);

my ($root, $color, $at, $window, $run) = @ARGV;
my $dir = "$root/guard";
my $token = sprintf("%d %d %.6f", $run, $$, time);

sub text {
    open(my $file, "<", $_[0]) or return "";
    my $line = <$file>;
    chomp($line //= "");
    return $line;
}

sub put {
    my ($name, $text) = @_;
    open(my $file, ">", "$dir/$name.new") or die "cannot write $dir/$name.new: $!\n";
    print $file $text;
    close($file) or die "cannot write $dir/$name.new: $!\n";
    rename("$dir/$name.new", "$dir/$name") or die "cannot write $dir/$name: $!\n";
}

sub record {
    my ($outcome, $instant, $why) = @_;
    put("fired", sprintf("run=%d\ncolor=%s\nat=%.6f\noutcome=%s\ninstant=%.6f\nwhy=%s\n",
        $run, $color, $at, $outcome, $instant, $why // ""));
}

sub live { return readlink("$root/live") // "" }

my $early = $at - time;
die sprintf("too late: the instant was %.3f s ago by this node's clock\n", -$early) if $early <= 0;
die sprintf("the instant is %.0f s away by this node's clock: is it set?\n", $early) if $early > 3600;
die "there is no $root/$color: provision this node\n" unless -d "$root/$color";

my $fence = text("$dir/fence");
open(my $lock, ">>", "$dir/lock") or die "cannot open $dir/lock: $!\n";
unlink("$root/live.armed");
symlink($color, "$root/live.armed") or die "cannot make $root/live.armed: $!\n";
record("waiting", 0);
put("armed", "$token\n");

# the caller is told only when the process is on its own
pipe(my $ready, my $on_its_own) or die "pipe: $!\n";
my $child = fork() // die "fork: $!\n";
if ($child) {
    close($on_its_own);
    <$ready> // die "the process that waits did not come up\n";
    exit 0;
}
setsid();
$SIG{HUP} = "IGNORE";
chdir("/");
$0 = "orchestrator: swaps $root/live to $color at $at";
open(STDIN, "<", "/dev/null");
open(STDOUT, ">", "/dev/null");
open(STDERR, ">", "/dev/null");
close($ready);
print $on_its_own "ready\n";
close($on_its_own);

while ((my $left = $at - time) > 0) {
    exit 0 if text("$dir/armed") ne $token;
    $left = $at - time;
    sleep($left < 0.25 ? $left : 0.25) if $left > 0;
}

my ($outcome, $why);
my $alone = flock($lock, LOCK_EX | LOCK_NB);
if (!$alone) {
    $outcome = "locked";
} else {
    # who preempts the holder of the lock ends us, and nobody else
    if (open(my $holder, ">", "$dir/holder")) { print $holder "$$\n"; close($holder) }
    exit 0 if text("$dir/armed") ne $token;
    if (text("$dir/fence") ne $fence) {
        $outcome = "fenced";
    } elsif (live() eq $color) {
        $outcome = "already";
    } elsif (time > $at + $window) {
        $outcome = "late";
    } elsif (rename("$root/live.armed", "$root/live")) {
        $outcome = "fired";
    } else {
        ($outcome, $why) = ("failed", "$!");
    }
}
my $instant = time;

# what was not to be waited for is the swap, not the record of it
if (!$alone) {
    alarm(60);
    flock($lock, LOCK_EX) or exit 1;
    exit 0 if text("$dir/armed") ne $token;
}
record($outcome, $instant, $why);
unlink("$dir/armed");
unlink("$root/live.armed");
"""

ARM = r"""
perl -MTime::HiRes -e 1 2>/dev/null || { echo "there is no perl here: provision this node" >&2; exit 1; }
code=$1; shift
exec perl -e "$code" -- "$@"
"""

DISARM = r"""
set -eu
dir=$1/guard
if [ -e "$dir/armed" ]; then
    rm -f "$dir/armed" "$1/live.armed"
    { grep -v -e '^outcome=' -e '^instant=' "$dir/fired" || true; date +outcome=disarmed%ninstant=%s.%N; } \
        > "$dir/fired.new"
    mv -fT "$dir/fired.new" "$dir/fired"
fi
"""


@operation(is_idempotent=False)
def arm(
    root: str, color: str, at: float, window: float, run: int, guard: Guard | None = None
) -> Generator[StringCommand, None, None]:
    """
    Leave a process on the node that makes ``live`` name a color at one instant, by rename(2), and then ends.

    + root: directory of the application; its ``guard`` holds what the process leaves
    + color: ``blue`` or ``green``
    + at: the instant, in seconds since 1970 by the node's own clock
    + window: seconds after the instant from which the node, because it was frozen, does not swap any more
    + run: number of the run, for the record
    + guard: the guard to go through, if any

    Arming again replaces what was armed before. The link stays as it is if at that instant another command
    holds the guard's lock, a newer run was here, or the node was disarmed. A reboot disarms, too. Fact
    ``Fired`` tells what became of it. The operation fails if the instant has passed already.

    **Example:**

    .. code:: python

        arm(root="/srv/shop", color="green", at=time.time() + 3, window=0.5, run=12)
    """
    yield guarded(ARM, [PROCESS.strip(), root, color, f"{at:.6f}", f"{window:.6f}", str(run)], guard)


@operation()
def disarm(root: str, guard: Guard | None = None) -> Generator[StringCommand, None, None]:
    """
    Take ``arm`` back: once this is done, the link does not move by itself any more.

    + root: directory of the application
    + guard: the guard to go through, if any

    Where nothing is armed, or where it has fired, nothing happens: whoever wants the link back where it was
    arms for that color next.

    **Example:**

    .. code:: python

        disarm(root="/srv/shop")
    """
    yield guarded(DISARM, [root], guard)
