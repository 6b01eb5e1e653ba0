# shellcheck shell=sh
# Prints the line `connections`, which proves that the script ran, then a line for each established connection to a port.
port=$1
echo connections
ss -HtnO state established "( sport = :$port )"
