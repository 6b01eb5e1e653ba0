# shellcheck shell=sh
# inside <release> <setting> <path> <advice>: ends the script if the directory of <path> is not inside the release. A
# symlink in <path> may lead to files that the live color or other releases use. <release> is the release's directory,
# without symlinks. The error message contains <setting> and <advice>.
inside() {
    case $3 in */*) ;; *) return 0 ;; esac
    # the shell itself can follow the symlinks of a directory that exists
    above=$(cd -P "$1/${3%/*}" 2>/dev/null && pwd -P) || above=$(realpath -m "$1/${3%/*}")
    case $above/ in "$1"/*) return 0 ;; esac
    echo "$2: $3 is behind a link that leads out of the release, to $above: nothing behind the link is changed; $4" >&2
    exit 1
}
