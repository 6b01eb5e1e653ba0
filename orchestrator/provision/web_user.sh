# shellcheck shell=sh
# Prints as whom the colors of an application run on this node, and to whom the application's files belong:
#
#   runs <user>       the user in the colors' unit files; missing if the node has no unit files
#   owner <user>      a user in the record $1, one line for each user; missing if there is no record. After the removal of
#                     the application: a user in the note beside the directory of the record
#   network <path>    a file system of the network in the directory $2, or $2 itself
#
# $3: systemd target of a color   $4: PHP-FPM's configuration for a color without a release   $5, $6, ...: units of a color
record=$1 root=$2 target=$3 fpm=$4
shift 4
if [ -e "$target" ]; then
    runs=$(sed -n 's/^User=//p' "$@" 2>/dev/null | head -n 1)
    # With version 0.1 of this tool, a color had no nginx of its own. There, only this file names the user of PHP-FPM.
    [ -n "$runs" ] || runs=$(sed -n 's/^user = //p' "$fpm" 2>/dev/null | head -n 1)
    echo "runs ${runs:-www-data}"
fi
# the note of a removal that has kept the shared data; the application may have had another web user
[ -e "$record" ] || [ -e "$target" ] || record=${record%/*}.web_user
if [ -e "$record" ]; then
    read -r users <"$record" || exit
    for user in $users; do echo "owner $user"; done
fi
root=$(readlink -m -- "$root") || exit
# the type of the file system stands after " - "
awk -v root="$root" '{
    type = $0
    sub(/.* - /, "", type)
    sub(/ .*/, "", type)
    if (($5 == root || index($5, root "/") == 1) && type ~ /^(nfs|nfs4|cifs|smb3|ceph|glusterfs|lustre|9p|fuse\..*)$/) {
        print "network " $5
    }
}' /proc/self/mountinfo
