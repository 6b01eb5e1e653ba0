# shellcheck shell=sh
# Prints <user>|<login shell> for the user who logs in, and for the users $1, $2, ... that exist.
for user in "${SUDO_USER:-$(id -un)}" "$@"; do
    ! entry=$(getent passwd "$user") || echo "$user|${entry##*:}"
done
