# shellcheck shell=sh
# Prints what exists at paths. A process reads all paths, because a host has some hundred of them. The lines are:
# entry|<raw mode in hex>|<user>|<group>|<mode>|<path>   for each path at which something exists
# none|<path>                                            for each path at which nothing exists
# sum|<SHA-256>  <path>                                  for each file
# link|<path>                                            for each symlink
# target|<target>                                        for each symlink, in the same order. A line break is shown as "?"
sums() {
    count=$#
    for path in "$@"; do
        [ -L "$path" ] || [ ! -f "$path" ] || set -- "$@" "$path"
    done
    shift "$count"
    [ $# = 0 ] || sha256sum -z -- "$@" 2>/dev/null | sed -z 's/^/sum|/' | tr '\0' '\n'
}
links() {
    count=$#
    for path in "$@"; do
        [ ! -L "$path" ] || set -- "$@" "$path"
    done
    shift "$count"
    [ $# != 0 ] || return 0
    printf 'link|%s\n' "$@"
    readlink -z -- "$@" | tr '\n' '?' | sed -z 's/^/target|/' | tr '\0' '\n'
}
[ $# = 0 ] || stat -c 'entry|%f|%U|%G|%a|%n' -- "$@" 2>/dev/null
for path in "$@"; do
    [ -e "$path" ] || [ -L "$path" ] || echo "none|$path"
done
sums "$@"
links "$@"
