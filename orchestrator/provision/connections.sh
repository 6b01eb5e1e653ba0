# shellcheck shell=sh
# Prints how many connections to these ports of a node are open.
ip=$1
shift
case $ip in *:*) ip="[$ip]" ;; esac
for port in "$@"; do
    ss -HtnO state established "( dst $ip and dport = :$port )"
done | wc -l
