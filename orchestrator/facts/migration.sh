# shellcheck shell=sh
# Prints the state of a command that operations/migrate.sh has started, and the last lines of its output.
. ../scripts/lines.sh
root=$1 key=$2
dir=$root/guard/database/$key
code='' state=absent
if [ -e "$dir/ended" ]; then
    state=ended
elif [ -e "$dir/started" ]; then
    # the command may end between this check and the next
    if flock -n "$dir/lock" true 2>/dev/null; then state=unknown; else state=running; fi
    [ ! -e "$dir/ended" ] || state=ended
fi
if [ "$state" = ended ]; then
    lines "$dir/ended"
    code=$first
fi
printf 'state=%s\ncode=%s\n' "$state" "$code"
tail -n 20 "$dir/output" 2>/dev/null | cut -c 1-500 | sed 's/^/line=/'
