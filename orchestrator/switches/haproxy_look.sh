# shellcheck shell=sh
# Prints the state of this balancer, with one <key>=<value> on each line: the weights, and the state of each node in
# each color.
: "${library:?}" "${provisioned:?}" "${blue:?}" "${green:?}"
. haproxy_ask.sh

echo "running=$(running)"
echo "kept=$(awk '$1 == "green" { print $2 }' "$map" 2>/dev/null)"
. ../scripts/provisioned.sh
echo "filesystem=$(stat -f -c %T "$(dirname "$map")" 2>/dev/null)"
. ../scripts/barred.sh
ask "show stat" | awk -F, -v blue="$blue" -v green="$green" '
    $1 == blue || $1 == green {
        color = $1 == blue ? "blue" : "green"
        if ($2 == "BACKEND") print color ".in_flight=" $5
        else if ($18 ~ /^(MAINT|DRAIN)/) print "out." $2 "=" $18
        else if ($18 !~ /^(UP|no check|DRAIN)/) print "down." color "." $2 "=" $18
    }'
