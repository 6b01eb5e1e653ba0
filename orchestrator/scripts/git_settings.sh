# shellcheck shell=sh
# git_settings <key> <value>...: sets the environment variables from which git reads these settings. git before 2.31 reads
# only the variable in which `git -c` keeps its settings.
git_settings() {
    case $(git --version 2>/dev/null) in
        *' '[01].* | *' 2.'[0-9].* | *' 2.'[12][0-9].* | *' 2.30.'*) older=yes ;;
        *) older='' ;;
    esac
    settings=0 kept=''
    while [ $# -gt 1 ]; do
        if [ -n "$older" ]; then
            kept="${kept:+$kept }'$(printf '%s' "$1=$2" | sed "s/'/'\\\\''/g")'"
        else
            export "GIT_CONFIG_KEY_$settings=$1" "GIT_CONFIG_VALUE_$settings=$2"
        fi
        settings=$((settings + 1))
        shift 2
    done
    if [ -n "$older" ]; then export GIT_CONFIG_PARAMETERS="$kept"; else export GIT_CONFIG_COUNT="$settings"; fi
}
