# shellcheck shell=sh
# Prints from where this node has connections to its $ports. The arguments after $file are <ip>:<port>: connections to
# look for. Each line of the output begins with a word that says what the line is:
#
#   open <ip>             the other end of an open connection
#   ended <ip>            the other end of a connection that has ended within the last minute
#   seen <ip>:<port>      one of the connections to look for
#   placed <ip> <who>     an address that the file $file of the firewall allows, and to whom it belongs
ports=$1 file=$2
shift 2
sed -n 's/^# allowed /placed /p' "$file" 2>/dev/null
filter=''
for port in $ports; do
    filter="${filter:+$filter or }sport = :$port"
done
ss -HtanO "( $filter )" | awk -v words="$*" '
    BEGIN { count = split(words, list, " "); for (i = 1; i <= count; i++) wanted[list[i]] = 1 }
    $1 == "LISTEN" || $1 == "SYN-RECV" { next }
    {
        gsub(/\[(::ffff:)?|\]/, "", $4)
        gsub(/\[(::ffff:)?|\]/, "", $5)
        if ($5 in wanted) found["seen " $5] = 1
        sub(/:[0-9]+$/, "", $4)
        sub(/:[0-9]+$/, "", $5)
        # a connection of the node with itself
        if ($4 == $5 || $5 ~ /^127\./) next
        found[($1 == "ESTAB" ? "open " : "ended ") $5] = 1
    }
    END { for (line in found) print line }
'
