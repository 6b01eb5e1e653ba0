# Arguments: <socket> <mark> <seconds>. Listens at the unix socket and answers nobody, until the file <mark> is removed or
# replaced, or the time is over. The end of this process closes all waiting connections, and nginx then sends the requests to
# the nodes.
use strict;
use warnings;
use POSIX ();
use Socket;

my ($path, $mark, $seconds) = @ARGV;
unlink "$path.new", "$mark.new";
umask 0;    # nginx connects as another user
socket(my $listener, PF_UNIX, SOCK_STREAM, 0) or die "socket: $!\n";
bind($listener, sockaddr_un("$path.new")) or die "$path.new: $!\n";
listen($listener, 65535) or die "listen: $!\n";
rename("$path.new", $path) or die "$path: $!\n";
umask 022;
open(my $file, '>', "$mark.new") or die "$mark.new: $!\n";
my $own = (stat $file)[1];
rename("$mark.new", $mark) or die "$mark: $!\n";
my $end = time + $seconds;
my $child = fork;
die "fork: $!\n" unless defined $child;
exit 0 if $child;

POSIX::setsid();
open STDIN,  '<', '/dev/null';
open STDOUT, '>', '/dev/null';
open STDERR, '>', '/dev/null';
while (time < $end) {
    my @found = stat $mark;
    exit 0 unless @found && $found[1] == $own;
    select undef, undef, undef, 0.02;
}
unlink $mark;
