# shellcheck shell=sh
# For scripts that are in the directory `releases`, with $remove: the program that removes a renamed release as root.

# away <release>: removes what was renamed to `.<release>.part`. Only root can remove files of the web user in it.
away() {
    # shellcheck disable=SC2154 # the script that includes this has it
    rm -rf "./.$1.part" 2>/dev/null || sudo -n "$remove" "$1"
}

# leftovers: removes the half and packed releases that ended runs left.
leftovers() {
    for half in .*.part; do
        [ ! -e "$half" ] || { half=${half#.}; away "${half%.part}"; }
    done
    # a copy that was cut off leaves a whole release here, with its environment file
    rm -f .*.tar
}
