# shellcheck shell=sh
# Functions that calculate the digest of a build step and its inputs. They run on nodes and on the operator's machine. The
# functions need `set -f`, and an IFS that splits lists at line breaks.
#
# The functions write their lists of files to `.release`, not to a pipe: if a file cannot be read, the script then fails,
# while a pipe would silently omit the file. For a symlink, the digest covers the target's path and the target's content:
# the file, or all files of the directory.
set -euf
IFS='
'
umask 022

# matching <patterns> <outputs> <list>: writes the names of all matching files, without the outputs, to <list>.names. Each
# name ends with a NUL, and the lists are not sorted. <patterns> and <outputs> have one item on each line.
matching() {
    patterns=$1 own=$2 into=$3
    set -- -path ./.git -o -path ./.release
    for path in $own; do set -- "$@" -o -path "./$path"; done
    set -- . '(' "$@" ')' -prune -o '(' -type f -o -type l ')' '(' -false
    for pattern in $patterns; do set -- "$@" -o -path "./$pattern" -o -path "./$pattern/*"; done
    find "$@" ')' '(' -type l -fprintf "$into.links" '%p//%l\0' -o -true ')' \
        '(' -type l -xtype d -fprint0 "$into.folders" -o -true ')' \
        '(' -xtype f -fprint0 "$into.files" -o -true ')' -fprint0 "$into.names"
    [ ! -s "$into.folders" ] || xargs -0 -r -I '{}' find '{}/' -type f -print0 <"$into.folders" >>"$into.files"
}

# digest <run> <inputs> <listed> <outputs>: prints the digest of the step and of its inputs
digest() (
    # shellcheck disable=SC2030 # only for this subshell
    export LC_ALL=C
    [ -d .release ] || mkdir -p .release
    lists=$(mktemp -d .release/lists.XXXXXX)
    trap 'rm -rf "$lists"' EXIT
    # shellcheck disable=SC2153 # the caller exports it
    case $1 in *COLOR*) color=$COLOR ;; *) color='' ;; esac
    printf '%s\0' "$1" "$2" "$3" "$4" "$color" >"$lists/all"
    matching "$2" "$4" "$lists/inputs"
    [ ! -s "$lists/inputs.links" ] || sort -z "$lists/inputs.links" >>"$lists/all"
    if [ -s "$lists/inputs.files" ]; then
        sort -z -o "$lists/inputs.files" "$lists/inputs.files"
        xargs -0 sha256sum -z -- <"$lists/inputs.files" >>"$lists/all"
    fi
    printf '\0' >>"$lists/all"
    [ -z "$3" ] || matching "$3" "$4" "$lists/listed"
    [ ! -s "$lists/listed.names" ] || sort -z "$lists/listed.names" >>"$lists/all"
    sum=$(sha256sum <"$lists/all")
    printf '%s\n' "${sum%% *}"
)

# unmatched <inputs>: prints the first input that no file matches
unmatched() {
    for pattern in $1; do
        case $pattern in
        *[*?[]*) found=$(find . -path "./$pattern" ! -path './.git/*' ! -path './.release/*' -print -quit) ;;
        *) if [ -e "./$pattern" ] || [ -L "./$pattern" ]; then found=$pattern; else found=''; fi ;;
        esac
        [ -n "$found" ] || { printf '%s\n' "$pattern"; return; }
    done
}

# own <release> <path> <outputs>: prints the first symlink or file of the outputs that contains the release's id or the path
own() {
    {
        # shellcheck disable=SC2086 # the outputs are a list
        find $3 -type l '(' -lname "*$1*" -o -lname "$2*" ')' -print -quit
        # shellcheck disable=SC2086 # the outputs are a list
        grep -rlF -e "$1" -e "$2" -- $3 2>/dev/null || true
    } | head -n 1
}
