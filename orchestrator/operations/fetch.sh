# shellcheck shell=sh
# Makes a release from a git commit. The release is a linked worktree of the mirror, a bare clone of the origin.
. ../scripts/part.sh
. ../scripts/origin.sh
. ../scripts/submodules.sh

set -eu
umask 022
# shellcheck disable=SC2034 # the included scripts use lfs
root=$1 id=$2 origin=$3 revision=$4 login=$5 ssh=$6 submodules=$7 lfs=$8
shift 8
begin "$root" "$id"
ask_as "$login" "$ssh" "$origin"
repo=$root/repo.git modules=$root/modules notes=$part/.release/notes here=''
absent "$part" "$admin"
mkdir -p "$notes"
[ -x "$ssh" ] || ssh=''
mirror "$repo" "$origin" "$ssh"
excluded='
'
while IFS= read -r line || [ -n "$line" ]; do
    excluded="$excluded$line
"
done 2>/dev/null <"$repo/info/exclude" || true
for path in /.release "$@"; do
    case $excluded in *"
$path
"*) ;; *) echo "$path" >>"$repo/info/exclude" ;; esac
done
bring "$repo" "$revision"
lay "$repo" "$revision" "$part" '' "$final" /.release "$@"
add_submodules "$repo" "$revision" "$origin" '' /.release "$@"
# remove the mirrors that this version does not need
for each in "$modules"/*.git; do
    [ ! -d "$each" ] || grep -qxF -e "${each##*/}" "$notes/used" 2>/dev/null || rm -rf "$each"
done
warn
rm -rf "$notes"
finish
