# shellcheck shell=sh
# Prints the state of this balancer, with one <key>=<value> on each line: the weight, and whether nginx is running.
: "${link:?}" "${library:?}" "${provisioned:?}" "${mark:?}"

kept=$(readlink "$link" 2>/dev/null)
printf 'kept=%s\n' "${kept##*/}"
[ -d "$link/" ] && [ "$(systemctl is-active nginx)" = active ] && echo "serving=yes"
[ ! -e "$mark" ] || echo "page=on"
. ../scripts/provisioned.sh
printf 'filesystem=%s\n' "$(stat -f -c %T "${link%/*}" 2>/dev/null)"
. ../scripts/barred.sh
