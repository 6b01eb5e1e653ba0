# shellcheck shell=sh
# Prints <user>|<home>|<primary group> for each user that exists.
for user in "$@"; do
    # the fields are: name, password, number, number of the group, comment, home, shell
    if entry=$(getent passwd "$user"); then
        home=${entry%:*}
        echo "$user|${home##*:}|$(id -gn "$user")"
    fi
done
