# shellcheck shell=sh
# Prints the open connections to a color's port, the number of requests of PHP-FPM or of the service that answers all
# requests, and the number of streams of the color's other services.
#
# PHP-FPM itself counts its requests, if one of its workers is free to answer. Otherwise the script counts the connections
# to PHP-FPM's socket. If a request has not reached PHP-FPM yet, or if nginx still sends an answer, only
# the connection to the color's port shows this. At the same port, balancers keep idle connections open, which do not
# matter. An open WebSocket looks like an idle connection there. Therefore the script counts streams at the sockets and
# ports of the color's services, where nginx has one connection for each stream. In the same way it counts the requests of
# a service that answers all requests.
#
# In the output of ss, a connection has the peer 0 if its other end was closed. If a connection waits to be accepted, it
# is counted in the queue of the listener.
#
# The color's release says where each service listens, in a file <listens><name>. A release of an earlier version of this
# tool has no such files: then <main> and <other> count, which come from the settings.
#
# Arguments: <run> <port> <listens> <name of the main service> <main> [<other>...]
. ../scripts/lines.sh
run=$1 port=$2 listens=$3 name=$4 main=$5
shift 5
ports='' released=''
for file in "$listens"*; do
    [ -e "$file" ] || continue
    lines "$file"
    released=yes ports="$ports$lines"
    [ "$file" != "$listens$name" ] || main=$first
done
if [ -n "$released" ]; then
    set --
    for other in $ports; do
        # services without a port have a socket in <run>
        case $other in */* | "$main") ;; *) set -- "$@" "$other" ;; esac
    done
fi
tcp() { # tcp <port>: prints how many connections to the port are open or wait to be accepted
    {
        ss -HtnO state established "( sport = :$1 )"
        echo listen
        ss -HltnO "( sport = :$1 )"
    } | awk '$0 == "listen" { listen = 1; next } { n += listen ? $2 : 1 } END { print n + 0 }'
}
{
    ss -HtniO state established "( sport = :$port )"
    echo sockets
    ss -HxaO src "unix:$run/*"
} | awk -v main="$main" '
    $0 == "sockets" { sockets = 1; next }
    !sockets { print "connection=" $0; next }
    $5 != main && $2 == "ESTAB" && $NF != 0 { n++ }
    $5 != main && $2 == "LISTEN" { n += $3 }
    END { print "streams=" n + 0 }'
unix() { # unix <path>: prints how many accepted connections the socket has, then how many wait to be accepted
    ss -HxaO src "unix:$1" | awk '
        $2 == "ESTAB" && $NF != 0 { n++ }
        $2 == "LISTEN" { waiting += $3 }
        END { print n + 0, waiting + 0 }'
}
case $main in
*/fpm.sock)
    status=$(timeout -s KILL 3 env -i SCRIPT_NAME=/fpm-status SCRIPT_FILENAME=/fpm-status REQUEST_METHOD=GET \
        QUERY_STRING=json /usr/bin/cgi-fcgi -bind -connect "$main" 2>/dev/null)
    status=${status##*"
"}
    case $status in
    "{"*) echo "fpm=$status" ;;
    *)
        # No worker was free to answer. The queue may also hold status requests that this script sent earlier. Therefore a
        # queue that is not empty counts as one request.
        counts=$(unix "$main") waiting=${counts#* }
        echo "requests=$((${counts% *} + (waiting > 0)))"
        ;;
    esac
    ;;
*/*)
    counts=$(unix "$main")
    echo "requests=$((${counts% *} + ${counts#* }))"
    ;;
?*) echo "requests=$(tcp "$main")" ;;
esac
for other in "$@"; do echo "streams.$other=$(tcp "$other")"; done
