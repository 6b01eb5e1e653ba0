# shellcheck shell=sh
# Writes or removes the drain mark of a join. While this file exists, nginx on the node ends each connection after its next
# answer. The drain mark of a provisioning names balancers: then the node drains already, and the next provisioning needs
# this file.
set -eu
mark=$1 verb=$2
said=''
[ ! -e "$mark" ] || read -r said <"$mark" || true
case $verb in
on)
    [ ! -e "$mark" ] || exit 0
    echo "a join" >"$mark.new"
    mv -fT "$mark.new" "$mark"
    ;;
off) [ "$said" != "a join" ] || rm -f "$mark" ;;
esac
