# shellcheck shell=sh
# Prints the name of each service or schedule ($3) that a release of the application has, if a systemd unit is installed for
# the service or schedule. Each name is on its own line. $2 is the path of the target to which the unit belongs, and $4 is the
# kind of the unit (service or timer).
export LC_ALL=C
root=$1 target=$2 what=$3 kind=$4
for file in "$root"/releases/*/.release/stack/"$what"-*; do
    name=${file##*/"$what"-}
    # the deploy user may make files with any name
    case $name in *[!a-z0-9-]*) continue ;; esac
    ! grep -qsxF "PartOf=${target##*/}" "${target%.target}-$name.$kind" || echo "$name"
done | sort -u
