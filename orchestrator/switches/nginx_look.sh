# shellcheck shell=sh
# Prints the state of this balancer, with one <key>=<value> on each line: the weight, and whether nginx is running.
: "${link:?}" "${library:?}" "${provisioned:?}"

echo "kept=$(readlink "$link" 2>/dev/null | sed 's|.*/||')"
[ -d "$link/" ] && [ "$(systemctl is-active nginx)" = active ] && echo "serving=yes"
. ../scripts/provisioned.sh
echo "filesystem=$(stat -f -c %T "$(dirname "$link")" 2>/dev/null)"
. ../scripts/barred.sh
