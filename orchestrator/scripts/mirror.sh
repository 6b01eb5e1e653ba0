# shellcheck shell=sh
# Functions for mirrors. A mirror is a bare clone of a git repository. Its remote `origin` is that repository.
# The scripts that call `mirror` or `lay` include absent.sh, too.

# mirror <mirror> <url> [<ssh>]: makes the mirror if it is missing, and sets its configuration. A new mirror has no hooks.
# <ssh> is the program that git runs instead of ssh, also for build steps, and for people who run git in a release.
mirror() {
    # only one command at a time uses the mirror, so these locks were left behind by a git process that was killed
    absent "$1"/*.lock "$1"/refs/*.lock
    if [ ! -d "$1" ]; then
        new=${1%/*}/.${1##*/}.new
        rm -rf "$new"
        GIT_DEFAULT_REF_FORMAT=files git init -q --bare --template= "$new"
        mv -T "$new" "$1"
    fi
    [ -d "$1/info" ] || mkdir -p "$1/info"
    # git prints the keys in lower case. If a key has several values, the last value counts
    told="
$(git -C "$1" config --get-regexp '^(core|gc|remote\.origin|sparse)\.' || true)"
    while read -r key value; do
        [ -n "$key" ] || continue
        case $told in
            *"
$key "*) last=${told##*"
$key "} last=${last%%"
"*} ;;
            *) last='' ;;
        esac
        [ "$last" = "$value" ] || git -C "$1" config "$key" "$value"
    done <<settings
remote.origin.url $2
remote.origin.fetch +refs/heads/*:refs/remotes/origin/*
core.sparsecheckout true
core.sparsecheckoutcone false
sparse.expectfilesoutsideofpatterns true
gc.autodetach false
gc.pruneexpire 1.hour.ago
${3:+core.sshcommand $3}
settings
}

# knows <mirror> <commit>: whether the mirror has the commit itself, perhaps without some of its files
knows() { git -C "$1" cat-file -e "$2^{commit}" 2>/dev/null; }

# has <mirror> <commit>: whether the mirror has the commit with all its files
has() { git -C "$1" rev-list --objects --no-walk --quiet "$2^{commit}" 2>/dev/null; }

# refetch <mirror> <commit>: fetches all files of a commit again. git believes that it has every file of a commit that a
# reference names, so without --refetch it may not fetch the missing files. If files are still missing afterwards, for example
# because git before 2.36 does not know --refetch, a new repository without files fetches all files, and the function copies
# them into the mirror.
refetch() {
    git -C "$1" fetch -q --refetch --depth 1 --no-tags origin "+$2:refs/fetched" </dev/null 2>/dev/null || true
    ! has "$1" "$2" || return 0
    rm -rf "$1/refetch"
    git init -q --bare --template= "$1/refetch"
    if git -C "$1/refetch" -c fetch.unpackLimit=1 fetch -q --depth 1 --no-tags \
        "$(git -C "$1" config --get remote.origin.url)" "$2" </dev/null 2>/dev/null; then
        cp "$1/refetch/objects/pack"/pack-* "$1/objects/pack/"
    fi
    rm -rf "$1/refetch"
}

# bring <mirror> <commit>: fetches the commit with all its files. Ends with status 1 and an error message if that fails.
#
# If an earlier fetch was killed, the mirror may have the commit without some of its files. Therefore the function looks
# for all files of the commit. refs/fetched names the newest commit that was fetched, so that the next fetch transfers
# less.
bring() {
    ! has "$1" "$2" || return 0
    git -C "$1" fetch -q --depth 1 --no-tags origin "+$2:refs/fetched" </dev/null 2>/dev/null || true
    ! has "$1" "$2" || return 0
    if knows "$1" "$2"; then
        refetch "$1" "$2"
        ! has "$1" "$2" || return 0
    fi
    # fetch all branches and tags, because some servers refuse to send a commit that no branch or tag names, and some
    # servers cannot send a commit without its history
    unshallow=$([ ! -s "$1/shallow" ] || echo --unshallow)
    git -C "$1" fetch -q --force ${unshallow:+"$unshallow"} origin \
        '+refs/heads/*:refs/remotes/origin/*' '+refs/tags/*:refs/tags/*' </dev/null || return 1
    ! has "$1" "$2" || return 0
    ! knows "$1" "$2" || { echo "$1 lacks files of commit $2" >&2; return 1; }
    echo "the origin has no commit $2" >&2
    return 1
}

# lay <mirror> <commit> <directory> <prefix> <final directory> [pattern...]: writes the files of the commit into the
# directory, except the paths that match a pattern. The directory becomes a worktree of the mirror, with the name $id. It
# will later be moved to the final directory. <prefix> is the path of the directory in the release: empty, or with a / at
# its end.
#
# `git worktree add` would record the present name of the directory, but the directory will be moved. Therefore the
# function itself writes the files with which git finds the worktree. With sparse.expectFilesOutsideOfPatterns, git
# ignores a file that it finds through a link to shared/. The HEAD of a worktree protects its commit from git's garbage
# collection.
lay() (
    mirror=$1 commit=$2 directory=$3 prefix=$4 destination=$5
    shift 5
    # shellcheck disable=SC2154 # the script that includes this has it
    record=$mirror/worktrees/$id
    absent "$record"
    mkdir -p "$directory" "$record/info"
    git -C "$mirror" rev-parse "$commit^{commit}" >"$record/HEAD"
    echo ../.. >"$record/commondir"
    echo "$destination/.git" >"$record/gitdir"
    echo "gitdir: $record" >"$directory/.git"
    echo '/*' >"$record/info/sparse-checkout"
    for path in "$@"; do
        echo "!$path" >>"$record/info/sparse-checkout"
    done
    cd "$directory" || exit 1
    # shellcheck disable=SC2154 # the script that includes this has it
    list=$notes/lfs fetch=''
    # shellcheck disable=SC2154 # the script that includes this has it
    if [ -n "$lfs" ]; then
        git read-tree HEAD
        pointers "$list"
        rm -f "$record/index"
        [ ! -s "$list" ] || { may_fetch HEAD; fetch=yes; }
    fi
    if [ -n "$fetch" ]; then
        with_lfs read-tree -mu --no-recurse-submodules HEAD
    else
        git read-tree -mu --no-recurse-submodules HEAD
    fi
    pointers "$list"
    existing "$list"
    [ -z "$fetch" ] || fetched "$mirror" "$list"
    [ -n "$lfs" ] || unfetched "$list" "$prefix"
)
