# shellcheck shell=sh
# ask_as <login> <ssh>: sets the environment variables by which git reaches the origin. git never asks a person for a
# password. If <login> is not empty, the standard input has user and password, each on its own line. git gets both from the
# environment, which no other user can read. <ssh> is the program that git runs instead of ssh. If an early version of
# this tool provisioned the node, this program does not exist, and git's global setting for ssh is used.
ask_as() {
    export GIT_TERMINAL_PROMPT=0
    [ ! -x "$2" ] || export GIT_SSH_COMMAND="$2"
    if [ -n "$1" ]; then
        IFS= read -r ORIGIN_USER && IFS= read -r ORIGIN_PASSWORD
        export ORIGIN_USER ORIGIN_PASSWORD GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=credential.helper
        export GIT_CONFIG_VALUE_0='!printf "username=%s\npassword=%s\n" "$ORIGIN_USER" "$ORIGIN_PASSWORD"; :'
    fi
}
