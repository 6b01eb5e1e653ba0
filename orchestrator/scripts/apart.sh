# shellcheck shell=sh
# apart <path> <find's tests>: turns the files below the path that match into files of this release alone. A file with
# several links belongs to several releases. Must be called in the release's directory.
apart() {
    among=$1
    shift
    find "$among" -type f "$@" -exec sh -c '
        for file; do
            rm -f .release/alone && cp -p "$file" .release/alone && mv -fT .release/alone "$file" || exit 1
        done' apart {} +
}
