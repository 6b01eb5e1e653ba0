# shellcheck shell=sh
# Prints one line for each path: <kind>|<user>|<group>|<mode>|<content>|<path>, or -|<path> if nothing exists at the path.
# The content is the SHA-256 of a file, or the target of a symlink.
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
