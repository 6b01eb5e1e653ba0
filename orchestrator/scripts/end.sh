# shellcheck shell=sh
# Runs after each command on a host (connection/marks.py). Prints $mark and the status of the command on both outputs: all
# lines after the mark come from the end of the login, not from the command. The line break before the mark ends the command's
# last line.
status=$?
printf '\n%s %s\n' "${mark:?}" "$status"
printf '\n%s %s\n' "$mark" "$status" >&2
exit "$status"
