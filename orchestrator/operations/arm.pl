# Points the link `live` of a node to a color at one instant, by rename(2): perl arm.pl <root> <color> <at> <window> <run>
#
# One process does everything, and runs already long before the instant. At the instant, this process starts no other
# process and reads only two small files. The program is written in Perl, because Perl can call rename(2) itself, and
# because every Debian server with git has Perl.
#
# The file guard/armed names the process that may change the link. If another process is armed, the earlier process sees
# in this file that it was replaced. The file guard/fired records the outcome. Before the instant, the outcome is
# "waiting". If the process dies, for example in a reboot, "waiting" stays. Both files are replaced by rename.
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
die sprintf("the instant is %.0f s away by this node's clock: correct the clock\n", $early) if $early > 3600;
die "there is no $root/$color: provision this node\n" unless -d "$root/$color";

my $fence = text("$dir/fence");
open(my $lock, ">>", "$dir/lock") or die "cannot open $dir/lock: $!\n";
unlink("$root/live.armed");
symlink($color, "$root/live.armed") or die "cannot make $root/live.armed: $!\n";
record("waiting", 0);
put("armed", "$token\n");

# the parent process waits until the child process has its own session and no longer uses the parent's files
pipe(my $ready, my $on_its_own) or die "pipe: $!\n";
my $child = fork() // die "fork: $!\n";
if ($child) {
    close($on_its_own);
    <$ready> // die "the process that waits did not start\n";
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
    # a command that preempts the holder of the lock kills the process that this file names
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

# if another command held the lock at the instant, the link stays unchanged, because a later change would miss the instant.
# Only the record of this outcome waits for the lock
if (!$alone) {
    alarm(60);
    flock($lock, LOCK_EX) or exit 1;
    exit 0 if text("$dir/armed") ne $token;
}
record($outcome, $instant, $why);
unlink("$dir/armed");
unlink("$root/live.armed");
