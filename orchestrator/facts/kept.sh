# shellcheck shell=sh
# Prints a line that proves that this ran, then the established connections to a port.
port=$1
echo kept
ss -HtniO state established "( sport = :$port )"
