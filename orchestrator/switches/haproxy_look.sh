# shellcheck shell=sh
# Prints the state of this balancer, with one <key>=<value> on each line: the weights, and the state of each node in
# each color. To start a process takes longer than all other work of this script. Therefore the script asks HAProxy all
# questions over one connection.
: "${library:?}" "${provisioned:?}" "${record:?}" "${blue:?}" "${green:?}"
. haproxy_ask.sh

kept=''
while read -r key value _ || [ -n "$key" ]; do
    [ "$key" != green ] || { kept=$value; break; }
done 2>/dev/null <"$map"
printf 'kept=%s\n' "$kept"
page=''
read -r _ page _ 2>/dev/null <"$record"
printf 'kept_page=%s\n' "$page"
. ../scripts/provisioned.sh
printf 'filesystem=%s\n' "$(stat -f -c %T "${map%/*}" 2>/dev/null)"
. ../scripts/barred.sh
# the answers about the maps have no commas, and are entries of the maps: <id> <key> <value>
ask "show map $map;show map $record;show stat" | awk -F, -v blue="$blue" -v green="$green" '
    !/,/ {
        split($0, entry, " ")
        if (entry[2] == "green") running = entry[3]
        if (entry[2] == "page") print "page=" entry[3]
    }
    $1 == blue || $1 == green {
        color = $1 == blue ? "blue" : "green"
        if ($2 == "BACKEND") print color ".in_flight=" $5
        else if ($18 ~ /^(MAINT|DRAIN)/) print "out." $2 "=" $18
        else if ($18 !~ /^(UP|no check|DRAIN)/) print "down." color "." $2 "=" $18
    }
    END { print "running=" running }'
