# shellcheck shell=sh
# Counts the commits by which two releases differ. The mirror has no history, so the script fetches the last $depth commits of
# both releases, without files, into a temporary directory. The first line has two numbers: the commits that only $old has,
# and the commits that only $new has. The next lines are the newest commits that only $new has; if there are none, those that
# only $old has. If the releases have no common commit in this history, or the origin is too slow, nothing is printed.
. ../scripts/origin.sh

root=$1 origin=$2 old=$3 new=$4 login=$5 ssh=$6 depth=$7 most=$8
ask_as "$login" "$ssh" "$origin"
# the id of a release has only the beginning of the hash; the origin wants the whole hash
whole() { git -C "$root/repo.git" rev-parse -q --verify "$1^{commit}" 2>/dev/null || printf '%s\n' "$1"; }
old=$(whole "$old") new=$(whole "$new")
history=$(mktemp -d)
# shellcheck disable=SC2154 # the trap itself assigns it
trap 'rm -rf "$history"' EXIT
git init -q --bare --template= "$history"
git -C "$history" config remote.origin.url "$origin"
timeout 8 git -C "$history" fetch -q --depth "$depth" --filter=tree:0 --no-tags origin "$old" "$new" </dev/null 2>/dev/null ||
    exit 0
git -C "$history" merge-base "$old" "$new" >/dev/null 2>&1 || exit 0
counts=$(git -C "$history" rev-list --left-right --count "$old...$new") || exit 0
range=$old..$new
[ "${counts##*[!0-9]}" != 0 ] || range=$new..$old
printf '%s\n' "$counts"
git -C "$history" log -n "$most" --format='%h %s' --abbrev=7 "$range"
