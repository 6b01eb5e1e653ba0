# shellcheck shell=sh
# Prints <name>|<address> for each name that this host can resolve. If a name has an IPv4 address, prints this address.
for name in "$@"; do
    address=$({ getent ahostsv4 "$name" || getent ahosts "$name"; } | head -n 1 | cut -d ' ' -f 1)
    [ -z "$address" ] || echo "$name|$address"
done
