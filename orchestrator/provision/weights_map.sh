# shellcheck shell=sh
# Makes HAProxy's map file $path, or replaces the map file that an earlier version of this tool has made. The weight in the
# present file stays. If there is no file, the weight is $weight.
#
# HAProxy reads the file as root, and would follow a symlink. Therefore only root can replace the file: the directory
# belongs to root, and is sticky. The deploy user writes into the file, which its group permits. The file always has the
# same length, so that one write replaces the whole text.
path=$1 weight=$2 user=$3 group=$4
name=./${path##*/}
cd -P -- "${path%/*}" && [ "$(stat -c '%u %a' .)" = "0 1775" ] || {
    echo "${path%/*} is not the directory that provisioning makes" >&2
    exit 1
}
present=$(runuser -u "$user" -- timeout -s KILL 5 head -c 16 "$name" 2>/dev/null)
[ -z "$present" ] || weight=${present#green}
weight=$(printf %s "$weight" | tr -d ' ')
case $weight in '' | ????* | *[!0-9]*)
    echo "$path has no weight, but: $present" >&2
    exit 1
    ;;
esac
umask 077
new=$(mktemp ./weights.XXXXXX) || exit
trap 'rm -f "$new"' EXIT
printf 'green %3s\n' "$weight" >"$new" && chown "root:$group" "$new" && chmod 664 "$new" && mv -fT "$new" "$name"
