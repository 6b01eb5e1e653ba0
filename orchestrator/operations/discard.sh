# shellcheck shell=sh
. ../scripts/away.sh

set -eu
root=$1 id=$2 remove=$3
for color in blue green; do
    if [ "$(readlink "$root/$color/release" 2>/dev/null || true)" = "../releases/$id" ]; then
        echo "release $id is still $color's release" >&2
        exit 1
    fi
done
cd "$root/releases"
[ ! -d "$id" ] || mv -T "$id" ".$id.part"
away "$id"
rm -rf "$root/repo.git/worktrees/$id"
