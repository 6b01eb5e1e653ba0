# shellcheck shell=sh
# Prints the number of open connections to these ports of a node.
ip=$1
shift
case $ip in *:*) ip="[$ip]" ;; esac
for port in "$@"; do
    ss -HtnO state established "( dst $ip and dport = :$port )"
done | wc -l
