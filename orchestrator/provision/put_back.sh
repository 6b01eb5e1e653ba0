# shellcheck shell=sh
# Puts the copies in the directory $1 back (see keep.sh), and removes the directory. If a file had no copy, because it did
# not exist before, the file is removed. Because of the flock, this script waits until a command that is just putting a file
# into place has ended.
directory=$1
[ -e "$directory/list" ] || exit 0
exec 9</etc && flock 9 || exit
number=0
units=
while IFS= read -r path; do
    number=$((number + 1))
    kept=$directory/$number
    rm -f "$path.candidate"
    case $path in
        /etc/systemd/system/*) units=yes ;;
    esac
    if [ -e "$kept" ] || [ -L "$kept" ]; then
        cp -a -- "$kept" "$path.former" && mv -fT "$path.former" "$path" || exit
    elif [ -e "$path" ] || [ -L "$path" ]; then
        case $path in
            /etc/systemd/system/*) systemctl disable --quiet --now "${path##*/}" 2>/dev/null ;;
        esac
        rm -f -- "$path" || exit
    fi
done <"$directory/list"
[ -z "$units" ] || systemctl daemon-reload || exit
. forget.sh
