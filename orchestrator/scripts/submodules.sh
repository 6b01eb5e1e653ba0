# shellcheck shell=sh
# Functions that add the files of submodules to a release. The files of a submodule become ordinary files of the release.
#
# The commit of the version names the commit of each submodule, so the version also determines the submodules' files. But a
# version may be hostile: its file .gitmodules may name any URL and any path. Therefore only URLs of hosts are permitted,
# git runs no other program than ssh to reach them, and a path must lie inside the release.
#
# The scripts that include this file set $tree (the directory of the release), $id, $modules (the directory of the
# submodules' mirrors), $submodules (empty: do not fetch submodules), $here (a git directory on this machine that may have
# the submodules already, or empty), $lfs and $notes.
. mirror.sh
. lfs.sh

# permitted <url>: whether the URL names a host, by https, http, ssh or git. This excludes paths on this machine, options
# for git or ssh, and programs such as ext::.
permitted() {
    [ "$(printf '%s' "$1" | LC_ALL=C tr -d '!-~' | wc -c)" = 0 ] || return 1
    host='(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9][A-Za-z0-9._-]*)'
    printf '%s\n' "$1" | LC_ALL=C grep -qE \
        -e "^(https|http|ssh|git)://([A-Za-z0-9_][^/@]*@)?$host(:[0-9]+)?(/|\$)" \
        -e "^([A-Za-z0-9_][A-Za-z0-9._~+-]*@)?$host:([^:/-]|/[^/])"
}

# resolved <url> <base>: prints a URL from .gitmodules, resolved relative to the URL of the repository that has this
# .gitmodules. Ends with status 1 if the URL leads to the parent of a host.
resolved() (
    url=$1 base=${2%/} separator=/
    case $url in
        ./* | ../*) ;;
        *) printf '%s\n' "$url"; exit 0 ;;
    esac
    while :; do
        case $url in
            ./*) url=${url#./} ;;
            ../*)
                url=${url#../}
                case $base in
                    *://*/*) base=${base%/*} ;;
                    *://*) exit 1 ;;
                    */*) base=${base%/*} ;;
                    *:*) base=${base%:*} separator=: ;;
                    *) exit 1 ;;
                esac
                ;;
            *) break ;;
        esac
    done
    printf '%s\n' "$base$separator${url%/}"
)

# refuse_submodule <path> <reason>: ends the script with an error message.
refuse_submodule() {
    printf 'submodule %s: %s\n' "$1" "$2" >&2
    exit 1
}

# url_of <repository> <commit> <path>: prints the URL that the commit's .gitmodules has for a path; nothing if it has none.
url_of() (
    keys=$(git -C "$1" config --blob "$2:.gitmodules" --name-only --get-regexp '^submodule\..*\.path$' 2>/dev/null || true)
    while IFS= read -r key; do
        [ -n "$key" ] && [ "$(git -C "$1" config --blob "$2:.gitmodules" --get "$key")" = "$3" ] || continue
        git -C "$1" config --blob "$2:.gitmodules" --get "${key%.path}.url" || true
        exit 0
    done <<keys
$keys
keys
)

# add_submodules <repository> <commit> <url> <prefix> [pattern...]: adds the files of all submodules of a commit, and of
# their submodules.
# + url: the URL of the repository, to which relative URLs refer
# + prefix: the path of the repository's files in the release: empty, or with a / at its end
# + pattern: git patterns of paths in the release that get no files
add_submodules() (
    repository=$1 commit=$2 url=$3 prefix=$4
    shift 4
    # git writes a path with special characters in double quotes
    links=$(
        git -C "$repository" -c core.quotePath=false ls-tree -r "$commit" | sed -n 's/^160000 commit \([0-9a-f]*\)\t/\1 /p'
    )
    while IFS= read -r link; do
        [ -z "$link" ] || add_submodule "$repository" "$commit" "$url" "$prefix" "$link" "$@" </dev/null
    done <<links
$links
links
)

# add_submodule <repository> <commit> <url> <prefix> <link> [pattern...]: adds the files of one submodule.
# + link: the submodule's commit, a space, and the submodule's path in the repository
add_submodule() (
    repository=$1 commit=$2 url=$3 prefix=$4 linked=${5%% *} path=${5#* }
    shift 5
    whole=$prefix$path
    case /$path/ in
        /\"* | /-* | */../* | */./* | *//* | */.[gG][iI][tT]/*) refuse_submodule "$whole" "this path is not permitted" ;;
    esac
    pattern=/$(printf '%s' "$whole" | sed 's/[][\\*?!# ]/\\&/g')
    for out in "$@"; do
        case $pattern/ in "$out"/*) exit 0 ;; esac
    done
    # shellcheck disable=SC2154 # the script that includes this has it
    if [ -z "$submodules" ]; then
        printf '%s\n' "$whole" >>"$notes/submodules"
        exit 0
    fi
    # shellcheck disable=SC2154 # the script that includes this has it
    [ "$(realpath -m "$tree/$whole")" = "$(realpath "$tree")/$whole" ] && [ -z "$(ls -A "$tree/$whole" 2>/dev/null)" ] ||
        refuse_submodule "$whole" "the version has other files or a link at this path"
    # if the repository is a subdirectory of a work tree, .gitmodules has the path from the top of the work tree
    named=$(url_of "$repository" "$commit" "$(git -C "$repository" rev-parse --show-prefix)$path")
    present=$(present "$linked")
    export GIT_ALLOW_PROTOCOL=https:http:ssh:git
    if [ -n "$present" ]; then
        # a wrong URL is no error yet, because the submodule's own submodules may also be on this machine
        address=$(resolved "$named" "$url" || true)
        from=file://$present
        GIT_ALLOW_PROTOCOL=file:$GIT_ALLOW_PROTOCOL
    else
        [ -n "$named" ] || refuse_submodule "$whole" "the version's .gitmodules has no URL for it"
        address=$(resolved "$named" "$url") || refuse_submodule "$whole" "its relative URL leads above the host"
        permitted "$address" ||
            refuse_submodule "$whole" "its URL is not permitted: only URLs with https, http, ssh or git are, and no local paths"
        from=$address
    fi
    name=$(printf '%s' "$from" | sha256sum | cut -c 1-16).git
    printf '%s\n' "$name" >>"$notes/used"
    # shellcheck disable=SC2154 # the script that includes this has it
    mkdir -p "$modules"
    mirror "$modules/$name" "$from"
    said=$(bring "$modules/$name" "$linked" 2>&1) || {
        shown=$(printf '%s\n' "$from" | sed 's|//[^/@]*@|//|')
        refuse_submodule "$whole" "$shown does not send commit $linked: $(printf '%s\n' "$said" | reason)"
    }
    if [ -n "$present" ]; then
        # git-lfs looks for files in the mirror first, and then asks the submodule's server
        mkdir -p "$modules/$name/lfs"
        [ ! -d "$present/lfs/objects" ] || cp -R "$present/lfs/objects" "$modules/$name/lfs/"
        ! permitted "$address" || git -C "$modules/$name" config remote.origin.url "$address"
    fi
    (
        for out in "$@"; do
            shift
            case $out in "$pattern"/*) set -- "$@" "${out#"$pattern"}" ;; esac
        done
        lay "$modules/$name" "$linked" "$tree/$whole" "$whole/" "$tree/$whole" "$@"
    )
    rm -rf "$tree/$whole/.git" "$modules/$name/worktrees/$id"
    add_submodules "$modules/$name" "$linked" "$address" "$whole/" "$@"
)

# present <commit>: if $here has a submodule with this commit, prints the directory of the submodule's repository.
present() (
    [ -n "$here" ] && [ -d "$here/modules" ] || exit 0
    find "$here/modules" -type d -name objects -prune >"$notes/here"
    while IFS= read -r objects; do
        git --git-dir="${objects%/objects}" cat-file -e "$1^{commit}" 2>/dev/null || continue
        printf '%s\n' "${objects%/objects}"
        exit 0
    done <"$notes/here"
)

# warn: prints a warning for submodules and files in Git LFS that the release does not get.
warn() {
    [ ! -s "$notes/submodules" ] || printf 'warning: the version has submodules (%s), %s\n' "$(few "$notes/submodules")" \
        'whose directories stay empty, because the setting source.submodules is off'
    [ ! -s "$notes/pointers" ] || printf 'warning: the version has files in Git LFS (%s), %s\n' "$(few "$notes/pointers")" \
        'of which the release has only the pointers, because the setting source.lfs is off'
}

# few <list>: prints the first three lines of a file, and the number of the other lines.
few() {
    head -n 3 "$1" | paste -sd, | sed 's/,/, /g' | tr -d '\n'
    lines=$(wc -l <"$1")
    [ "$lines" -le 3 ] || printf ' and %s more' "$((lines - 3))"
}
