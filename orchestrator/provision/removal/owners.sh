# shellcheck shell=sh
# is_of_another <path> <app>: succeeds if the last part of the path is the name of another application on this host. For
# example, `/var/cache/orchestrator/shop-blue` may belong to the color blue of `shop`, or to an application `shop-blue`.
is_of_another() { [ "${1##*/}" != "$2" ] && [ -d "/etc/orchestrator/${1##*/}" ]; }
