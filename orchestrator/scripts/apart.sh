# shellcheck shell=sh
# apart <path> <find's tests>: replaces each matching file below the path by a copy. A file with several hard links
# belongs to several releases; the copy belongs only to this release. Must be called in the release's directory.
apart() {
    among=$1
    shift
    find "$among" -type f "$@" -exec sh -c '
        for file; do
            rm -f .release/alone && cp -p "$file" .release/alone && mv -fT .release/alone "$file" || exit 1
        done' apart {} +
}
