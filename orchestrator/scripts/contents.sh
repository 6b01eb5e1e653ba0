# shellcheck shell=sh
# contents <repository> <commit>: prints a line for each submodule of the commit: `submodule`, a tab, and the path. If the
# commit's .gitattributes says that files are in Git LFS, also prints the line `lfs`. The function reads only a few objects,
# because the repository may have to fetch each of them.
contents() {
    keys=$(git -C "$1" config --blob "$2:.gitmodules" --name-only --get-regexp '^submodule\..*\.path$' 2>/dev/null || true)
    while IFS= read -r key; do
        [ -n "$key" ] || continue
        path=$(git -C "$1" config --blob "$2:.gitmodules" --get "$key")
        # .gitmodules may still have submodules that the commit no longer has
        case $(git -C "$1" ls-tree --full-tree "$2" -- "$path" 2>/dev/null </dev/null) in
            "160000 "*) printf 'submodule\t%s\n' "$path" ;;
        esac
    done <<keys
$keys
keys
    if git -C "$1" cat-file blob "$2:.gitattributes" 2>/dev/null | grep -q 'filter=lfs'; then echo lfs; fi
}
