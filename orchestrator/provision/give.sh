# shellcheck shell=sh
# Gives the files of an application to another web user. Stops both colors before, and leaves them stopped.
#
# $1: the application's directory   $2: the deploy user   $3: the new web user   $4: the record of the present owners
# $5: systemd units to stop, separated by spaces   $6, $7, ...: the former web users
#
# While the program works, the record names all users to whom files may belong. Therefore, if this script is interrupted at
# any point, the next provisioning gives all files to one user.
. enter.sh

root=$1 deploy=$2 to=$3 record=$4 targets=$5
shift 5
note() { # note <user>...: writes the record
    echo "$*" >"$record.new" && sync "$record.new" && mv -fT "$record.new" "$record"
}
# shellcheck disable=SC2086 # a list
members=$(systemctl show --property=ConsistsOf --value -- $targets) || exit
note "$@" "$to" || exit
# shellcheck disable=SC2086 # lists
systemctl stop -- $targets $members || exit
enter "$root" "" || exit
perl - "$deploy" "$to" "$@" <<'program' || exit
. give.pl
program
note "$to"
