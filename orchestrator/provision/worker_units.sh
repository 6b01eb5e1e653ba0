# shellcheck shell=sh
# Prints the name of each systemd template unit of a worker that is installed for an application.
for file in "/etc/systemd/system/$1-blue-"*@.service "/etc/systemd/system/$1-green-"*@.service; do
    [ ! -e "$file" ] || echo "${file##*/}"
done
