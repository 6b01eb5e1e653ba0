# shellcheck shell=sh
# absent <path>...: removes the files and directories at the paths, as `rm -rf` does. Most of them are leftovers of a run
# that was interrupted: if there is nothing at the paths, the function starts no program.
absent() {
    for doomed; do
        shift
        { [ ! -e "$doomed" ] && [ ! -L "$doomed" ]; } || set -- "$@" "$doomed"
    done
    [ $# = 0 ] || rm -rf -- "$@"
}
