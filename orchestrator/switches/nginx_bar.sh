# shellcheck shell=sh
# Takes a node out of both colors, or lets the node in again. nginx cannot take a server out without a reload. Therefore
# the balancer's firewall keeps the node out. Prints `kept` if the node was out before.
: "${library:?}"

set -eu
address=$2 verb=$3
if [ "$verb" = on ] && "$library/bar" list | grep -qxF "$address"; then echo kept; exit 0; fi
exec "$library/bar" "$address" "$verb"
