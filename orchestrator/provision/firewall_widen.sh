# shellcheck shell=sh
# Replaces the firewall of an application in the kernel by $rules, which are no rules of a file. Without the file $stamp, the
# next command knows that the kernel does not have the rules of the file in place.
stamp=$1 rules=$2
rm -f -- "$stamp" && printf '%s\n' "$rules" | /usr/sbin/nft -f -
