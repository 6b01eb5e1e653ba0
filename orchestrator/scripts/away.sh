# shellcheck shell=sh
# These functions are for scripts whose working directory is `releases`. $remove is the path of a program that removes a
# renamed release as root.

# away <release>: removes the directory `.<release>.part`, to which a release was renamed. If the web user has files in
# this directory, only root can remove them.
away() {
    # shellcheck disable=SC2154 # the script that includes this has it
    rm -rf "./.$1.part" 2>/dev/null || sudo -n "$remove" "$1"
}

# leftovers: removes the incomplete releases and the packed releases that ended runs have left behind.
leftovers() {
    for half in .*.part; do
        [ ! -e "$half" ] || { half=${half#.}; away "${half%.part}"; }
    done
    # if copying a release to another node was interrupted, its tar file, with the environment file, is still here
    for archive in .*.tar; do
        { [ ! -e "$archive" ] && [ ! -L "$archive" ]; } || rm -f "$archive"
    done
}
