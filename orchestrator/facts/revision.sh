# shellcheck shell=sh
# Asks the origin which commit a ref names, and this node's mirror whether it has the commit. Prints a commit and the name
# of a reference a line, or why the origin did not answer and `error`.
. ../scripts/origin.sh

root=$1 origin=$2 ref=$3 login=$4 ssh=$5
ask_as "$login" "$ssh"
said=$(git ls-remote "$origin" "refs/heads/$ref" "refs/tags/$ref" "refs/tags/$ref^{}" 2>&1) ||
    said=$(printf '%s\n' "$said" | awk '
        /^(Please make sure you have|and the repository exists)|^$/ { next }
        # git adds this to whatever ssh said before
        /^fatal: Could not read from remote/ && last { next }
        { last = $0 }
        END { print (last ? last : "git said nothing") "\terror" }')
printf '%s\n' "$said"
if commit=$(git -C "$root/repo.git" rev-parse -q --verify "$ref^{commit}" 2>/dev/null); then
    printf '%s\tmirror\n' "$commit"
fi
