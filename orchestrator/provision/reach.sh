# shellcheck shell=sh
# Connects from this balancer to the $ports of each node, at all nodes at the same time. Sends nothing. A process holds each
# connection for $hold seconds, unless release.sh ends the process earlier; 0: no process. Members are <node>=<address>.
# Each line of the output begins with a word that says what the line is:
#
#   source <node> <ip>                 the address that this balancer's routes choose for connections to the node
#   reached <node> <port> <ip> <port>  a connection to a port of the node: the balancer's own address and port
#   holder <process id>                a process that holds a connection
#   uses <node> <ip>                   the balancer's own address of a connection that a program has with the node
hold=$1 ports=$2
shift 2
# perl-base, which every Debian has, has this module
# shellcheck disable=SC2016 # the dollars are perl's
connect='
    my ($node, $to, $port, $hold) = @ARGV;
    $| = 1;
    my $link = IO::Socket::IP->new(PeerHost => $to, PeerPort => $port, Timeout => 5) or exit;
    printf "reached %s %d %s %d\n", $node, $port, $link->sockhost, $link->sockport;
    exit if !$hold;
    defined(my $child = fork) or die "cannot fork: $!";
    if ($child) {
        print "holder $child\n";
        exit;
    }
    close STDOUT;
    open STDIN, "<", "/dev/null";
    open STDERR, ">", "/dev/null";
    $0 = "orchestrator-hold";
    sleep $hold;
'
for member in "$@"; do
    (
        node=${member%%=*} address=${member#*=}
        to=$({ getent ahostsv4 "$address" || getent ahosts "$address"; } | head -n 1 | cut -d ' ' -f 1)
        [ -n "$to" ] || exit
        ip -o route get "$to" 2>/dev/null | sed -n "s/.* src \([^ ]*\).*/source $node \1/p"
        case $to in *:*) at="[$to]" ;; *) at=$to ;; esac
        for port in $ports; do
            ss -HtnO state established "( dst $at and dport = :$port )" 2>/dev/null | awk -v node="$node" '
                { sub(/:[0-9]+$/, "", $3); gsub(/\[(::ffff:)?|\]/, "", $3); print "uses", node, $3 }' | sort -u
            perl -MIO::Socket::IP -e "$connect" "$node" "$to" "$port" "$hold"
        done
    ) &
done
wait
