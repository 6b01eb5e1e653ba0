# shellcheck shell=sh
# Installs the text from standard input as a file, if the shell command $check (none if empty) accepts it as $candidate, to
# be renamed to $path. A refused text leaves the file as it is.
umask 077
path=$1 owner=$2 mode=$3 check=$4
candidate=$path.candidate
export path candidate
accepted() { [ -z "$check" ] || sh -c "$check" >&2; }
put() {
    cat >"$candidate" && chown "$owner" "$candidate" && chmod "$mode" "$candidate" && accepted &&
        mv -fT "$candidate" "$path"
}
put || {
    status=$?
    rm -f "$candidate"
    exit "$status"
}
