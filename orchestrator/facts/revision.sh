# shellcheck shell=sh
# Asks the origin and this node's mirror which commit a ref names. Prints a commit and the name of a reference on each
# line. If the origin does not answer, prints a line with the reason and `error` instead.
. ../scripts/origin.sh

root=$1 origin=$2 ref=$3 login=$4 ssh=$5
ask_as "$login" "$ssh" "$origin"
said=$(git ls-remote "$origin" "refs/heads/$ref" "refs/tags/$ref" "refs/tags/$ref^{}" 2>&1) ||
    said="$(printf '%s\n' "$said" | reason)	error"
printf '%s\n' "$said"
if commit=$(git -C "$root/repo.git" rev-parse -q --verify "$ref^{commit}" 2>/dev/null); then
    printf '%s\tmirror\n' "$commit"
fi
