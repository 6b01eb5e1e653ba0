# shellcheck shell=sh
# Prints the line `kept`, which proves that the script ran, then a line for each established connection to a port.
port=$1
echo kept
ss -HtniO state established "( sport = :$port )"
