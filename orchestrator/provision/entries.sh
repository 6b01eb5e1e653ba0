# shellcheck shell=sh
# Prints what is at each path: <kind>|<user>|<group>|<mode>|<content>|<path>, or -|<path> where nothing is. The content is
# a file's SHA-256 or a link's target.
for path in "$@"; do
    content=''
    if [ -L "$path" ]; then
        kind=link content=$(readlink "$path")
    elif [ -d "$path" ]; then
        kind=directory
    elif [ -f "$path" ]; then
        kind=file content=$(sha256sum <"$path" | cut -c1-64)
    elif [ -e "$path" ]; then
        kind=other
    else
        echo "-|$path"
        continue
    fi
    echo "$kind|$(stat -c "%U|%G|%a" "$path")|$content|$path"
done
