# shellcheck shell=sh
# Prints <name>|<address> for each name that this host can resolve, IPv4 first.
for name in "$@"; do
    address=$({ getent ahostsv4 "$name" || getent ahosts "$name"; } | head -n 1 | cut -d ' ' -f 1)
    [ -z "$address" ] || echo "$name|$address"
done
