# shellcheck shell=sh
# Functions for Git LFS. If a file is in Git LFS, the commit has only a pointer: a small text with the SHA-256 of the file.
#
# The scripts that include this file set $lfs (empty: do not fetch files that are in Git LFS) and $notes, a directory for
# temporary lists.

# pointers <list>: writes the SHA-256 and the path of each file in Git LFS to the file <list>, in the format of sha256sum.
# The working directory must be the top of a work tree whose index has all files.
pointers() {
    git -c core.quotePath=false ls-files -s ':(attr:filter=lfs)' >"$1" || true
    [ -s "$1" ] || return 0
    sed -n 's/^100[0-7]* \([0-9a-f]*\) 0\t/\1 /p' <"$1" >"$1.all"
    # a pointer has less than 1024 bytes
    cut -d' ' -f1 "$1.all" | git cat-file --batch-check='%(objectsize)' | paste -d' ' - "$1.all" |
        awk '$1 < 1024 { sub(/^[0-9]+ /, ""); print }' >"$1.small"
    cut -d' ' -f1 "$1.small" | git cat-file --batch='%(objectname)' | awk '
        NR == FNR { split($0, part, " "); object[++count] = part[1]; path[count] = substr($0, length(part[1]) + 2); next }
        $0 == object[number + 1] { number++; line = 0; next }
        { line++ }
        line == 1 { pointer = $0 == "version https://git-lfs.github.com/spec/v1" }
        pointer && /^oid sha256:[0-9a-f]+$/ { print substr($0, 12) "  " path[number]; pointer = 0 }
    ' "$1.small" - >"$1"
    rm -f "$1.all" "$1.small"
}

# existing <list>: removes the files from the list that are not in the work tree, such as shared files.
existing() {
    [ -s "$1" ] || return 0
    while read -r sum path; do
        [ ! -f "$path" ] || printf '%s  %s\n' "$sum" "$path"
    done <"$1" >"$1.new"
    mv "$1.new" "$1"
}

# with_lfs <argument...>: runs git with these arguments. If git writes a work tree, it also fetches the files in Git
# LFS. The options override the settings in the version's file .lfsconfig, which could otherwise leave files out.
with_lfs() {
    git -c filter.lfs.process='git-lfs filter-process' -c filter.lfs.smudge='git-lfs smudge -- %f' \
        -c filter.lfs.clean='git-lfs clean -- %f' -c filter.lfs.required=true \
        -c lfs.fetchinclude= -c lfs.fetchexclude= -c lfs.skipdownloaderrors=false "$@"
}

# may_fetch <commit>: ends the script if git-lfs is missing, or if the commit's .lfsconfig names a forbidden URL.
may_fetch() {
    command -v git-lfs >/dev/null || {
        echo "the version has files in Git LFS, but git-lfs is missing on this machine: on a node, run" \
            "deploys/provision.py, which installs it" >&2
        exit 1
    }
    # shellcheck disable=SC2154 # the script that includes this has it
    git config --blob "$1:.lfsconfig" --name-only --get-regexp '^(lfs\..*url|remote\..*\.lfs.*url)$' >"$notes/keys" \
        2>/dev/null || true
    while IFS= read -r key; do
        url=$(git config --blob "$1:.lfsconfig" --get "$key")
        permitted "$url" || {
            echo "the version's file .lfsconfig names a URL that is not permitted ($key): only https, http, ssh and" \
                "git are" >&2
            exit 1
        }
    done <"$notes/keys"
}

# sums <list>: ends with status 1 and an error message if a file of the list does not have its SHA-256.
sums() {
    wrong=$(LC_ALL=C sha256sum -c --quiet "$1" 2>/dev/null) || {
        printf 'Git LFS gave another file than the version names: %s\n' "$(printf '%s\n' "$wrong" | head -n 1)" >&2
        return 1
    }
}

# fetched <mirror> <list>: ends the script if a file of the list does not have its SHA-256. In this case, the function
# first removes all stored copies, because a stored copy may be damaged. In all other cases, it removes the stored
# copies of files that are not in the list.
fetched() {
    sums "$2" || { rm -rf "$1/lfs/objects"; exit 1; }
    [ -d "$1/lfs/objects" ] || return 0
    cut -d' ' -f1 "$2" | sort >"$2.sums"
    find "$1/lfs/objects" -type f -printf '%f\n' | sort | comm -23 - "$2.sums" >"$2.old"
    sed 's|^\(..\)\(..\)|\1/\2/&|' "$2.old" | (cd "$1/lfs/objects" && xargs -r -d '\n' rm -f)
}

# unfetched <list> <prefix>: notes the files of the list that are still pointers. <prefix> is the path of the work tree in
# the release: empty, or with a / at its end.
unfetched() {
    while read -r sum path; do
        [ "$(head -c 42 "./$path")" != 'version https://git-lfs.github.com/spec/v1' ] || printf '%s\n' "$2$path"
    done <"$1" >>"$notes/pointers"
}
