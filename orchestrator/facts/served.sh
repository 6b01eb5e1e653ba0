# shellcheck shell=sh
# Sends $count requests to the balancer on this host, and prints for each answer the node that its header X-Node names. If
# an answer has no such header, prints nothing. The standard input has the probe token, because every user can read a
# command line.
path=$1 host=$2 proto=$3 port=$4 count=$5
IFS= read -r token || true
while [ "$count" -gt 0 ]; do
    printf 'X-Probe-Token: %s\n' "$token" |
        curl -gs -m 5 -o /dev/null -D - -H @- -H "Host: $host" ${proto:+-H "X-Forwarded-Proto: $proto"} \
            "http://127.0.0.1:$port$path" |
        tr -d '\r' | awk 'tolower($1) == "x-node:" { print $2 }'
    count=$((count - 1))
done
