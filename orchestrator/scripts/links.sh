# shellcheck shell=sh
# These functions read several symlinks with one process.

# links <path>...: reads the symlinks. Afterwards, `link <path>` sets $link to the first line of a symlink's target. If
# there is no symlink at the path, $link is empty.
links() {
    links=$(find "$@" -maxdepth 0 -type l -printf '%p=%l\n' 2>/dev/null) || true
}
link() {
    link=''
    case "
$links" in *"
$1="*)
        link="
$links"
        link=${link#*"
$1="}
        link=${link%%"
"*} ;;
    esac
}
