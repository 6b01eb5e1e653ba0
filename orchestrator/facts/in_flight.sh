# shellcheck shell=sh
# Prints what a color is doing: its connections, the requests of what answers for it, and the streams of its services.
#
# PHP-FPM counts the requests that it works on. A request on its way to PHP-FPM, or an answer from nginx to the client,
# shows at the connections to the color's port. Balancers keep idle connections open there, which do no harm. An open
# WebSocket looks as idle as they do, so it is counted at the socket of the color's service, where nginx has a connection
# for each stream; so are the requests of a service that answers everything. A connection whose other end is gone has
# peer 0; a connection that waits to be accepted is in the listener's queue.
run=$1 port=$2 main=$3
shift 3
tcp() { # tcp <port>: prints how many connections to the port are open or wait to be accepted
    {
        ss -HtnO state established "( sport = :$1 )" | sed 's/.*/1/'
        ss -HltnO "( sport = :$1 )" | awk '{ print $2 }'
    } | awk '{ n += $1 } END { print n + 0 }'
}
ss -HtniO state established "( sport = :$port )" | sed 's/^/connection=/'
case $main in
*/fpm.sock)
    status=$(env -i SCRIPT_NAME=/fpm-status SCRIPT_FILENAME=/fpm-status REQUEST_METHOD=GET QUERY_STRING=json \
        /usr/bin/cgi-fcgi -bind -connect "$main" 2>/dev/null | tail -n 1)
    echo "fpm=$status" ;;
*/*)
    ss -HxaO src "unix:$main" | awk '$2 == "ESTAB" && $NF != 0 { n++ } $2 == "LISTEN" { n += $3 }
        END { print "requests=" n + 0 }' ;;
?*) echo "requests=$(tcp "$main")" ;;
esac
ss -HxaO src "unix:$run/*" | awk -v main="$main" '$5 != main && $2 == "ESTAB" && $NF != 0 { n++ }
    $5 != main && $2 == "LISTEN" { n += $3 } END { print "streams=" n + 0 }'
for other in "$@"; do echo "streams.$other=$(tcp "$other")"; done
