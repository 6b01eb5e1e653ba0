# shellcheck shell=sh
# Prints <user>|<home>|<primary group> for each user that exists.
for user in "$@"; do
    if entry=$(getent passwd "$user"); then
        echo "$user|$(echo "$entry" | cut -d: -f6)|$(id -gn "$user")"
    fi
done
