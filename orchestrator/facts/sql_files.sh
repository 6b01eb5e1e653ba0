# shellcheck shell=sh
# Prints a line for each SQL file of a directory in a release: the content in base64, and the name. The last line has the
# number of the lines before. If the release has no such directory, the script prints `absent`.
root=$1 release=$2 directory=$3
if [ ! -d "$root/releases/$release/$directory" ]; then
    echo absent
    exit 0
fi
cd "$root/releases/$release/$directory" || exit 1
number=0
for name in *.sql; do
    [ -e "$name" ] || [ -L "$name" ] || continue
    content=$(base64 -w 0 -- "$name") || exit 1
    printf 'file=%s %s\n' "$content" "$name"
    number=$((number + 1))
done
echo "files=$number"
