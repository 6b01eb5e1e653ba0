# shellcheck shell=sh
# is_of_another <path> <app>: whether the last part of a path is the name of another application on this host. The
# directory `shop-blue` of the color blue of `shop` may also be the directory of an application `shop-blue`.
is_of_another() { [ "${1##*/}" != "$2" ] && [ -d "/etc/orchestrator/${1##*/}" ]; }
