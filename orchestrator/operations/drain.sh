# shellcheck shell=sh
# Writes or removes a drain mark. While this file exists, nginx on the node ends each connection after its next answer. The
# drain mark of a provisioning names balancers: then the node drains already, and the script does not change this file. If
# $3 is `join`, the script removes only the mark of a join.
set -eu
mark=$1 verb=$2 which=$3
said=''
[ ! -e "$mark" ] || read -r said <"$mark" || true
case $verb in
on)
    [ ! -e "$mark" ] || exit 0
    echo "a join" >"$mark.new"
    mv -fT "$mark.new" "$mark"
    ;;
off) [ "$which" = join ] && [ "$said" != "a join" ] || rm -f "$mark" ;;
esac
