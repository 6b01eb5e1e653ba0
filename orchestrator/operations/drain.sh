# shellcheck shell=sh
# Writes or removes a drain mark. While this file exists, nginx on the node ends each connection after its next answer. A
# provisioning also writes this file, with the names of balancers. If $2 is `on` and the file exists, the node already drains,
# and the script does not change the file. If $2 is `off` and $3 is `join`, the script removes only the mark of a join.
set -eu
mark=$1 verb=$2 which=$3
case $verb in
on)
    [ ! -e "$mark" ] || exit 0
    echo "a join" >"$mark.new"
    mv -fT "$mark.new" "$mark"
    ;;
off)
    said=''
    [ ! -e "$mark" ] || read -r said <"$mark" || true
    if [ "$which" = any ] || [ "$said" = "a join" ]; then rm -f "$mark"; fi
    ;;
esac
