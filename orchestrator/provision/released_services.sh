# shellcheck shell=sh
# Prints the name of each service that a release of the application has, if a systemd unit of the color is installed for
# the service. Each name is on its own line. $2 is the path of the color's target.
export LC_ALL=C
root=$1 target=$2
for file in "$root"/releases/*/.release/stack/service-*; do
    name=${file##*/service-}
    # the deploy user may make files with any name
    case $name in *[!a-z0-9-]*) continue ;; esac
    ! grep -qsxF "PartOf=${target##*/}" "${target%.target}-$name.service" || echo "$name"
done | sort -u
