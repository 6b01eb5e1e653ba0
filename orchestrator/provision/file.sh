# shellcheck shell=sh
# Writes the text from standard input to $candidate and, if the shell command $check accepts this file, renames the file to
# $path. If $check is empty, nothing is checked. If $check refuses the text, the file at $path stays unchanged. With
# $until = check, the text is only checked.
#
# Because of the flock, only one command at a time puts a file into place, or puts former files back (put_back.sh).
umask 077
exec 9</etc && flock 9 || exit
path=$1 owner=$2 mode=$3 check=$4 digest=$5 until=$6
candidate=$path.candidate
export path candidate
# if the connection broke meanwhile, the text may be incomplete and must not be installed
whole() { [ "$(sha256sum <"$candidate")" = "$digest  -" ]; }
accepted() { [ -z "$check" ] || sh -c "$check" >&2; }
put() {
    cat >"$candidate" && whole && chown "$owner" "$candidate" && chmod "$mode" "$candidate" && accepted || return
    if [ "$until" = check ]; then
        rm -f "$candidate"
    else
        mv -fT "$candidate" "$path"
    fi
}
put || {
    status=$?
    rm -f "$candidate"
    exit "$status"
}
