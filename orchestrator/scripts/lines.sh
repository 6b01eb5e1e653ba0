# shellcheck shell=sh
# lines <file>: sets $first to the first line of a file, and $lines to all lines, each with a space at its end. If the file
# cannot be read, both are empty.
lines() {
    first='' lines=''
    while IFS= read -r line || [ -n "$line" ]; do
        # shellcheck disable=SC2034 # the script that includes this uses it
        [ -n "$lines" ] || first=$line
        lines="$lines$line "
    done 2>/dev/null <"$1" || true
}
