# shellcheck shell=sh
# absent <path>...: removes the files and directories at the paths, as `rm -rf` does. Most of these paths exist only after a
# run that was interrupted. Therefore the function starts no program if there is nothing at the paths.
absent() {
    for doomed; do
        shift
        { [ ! -e "$doomed" ] && [ ! -L "$doomed" ]; } || set -- "$@" "$doomed"
    done
    [ $# = 0 ] || rm -rf -- "$@"
}
