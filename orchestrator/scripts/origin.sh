# shellcheck shell=sh
# ask_as <login> <ssh>: how git asks an origin. If <login> is not empty, user and password come by standard input, a line
# each; git gets them from the environment, which no other user can read. <ssh> is the program by which git reaches the
# origin; a node that was provisioned before each application had one has a setting of git's for all of them.
# git never waits for a person to type.
ask_as() {
    export GIT_TERMINAL_PROMPT=0
    [ ! -x "$2" ] || export GIT_SSH_COMMAND="$2"
    if [ -n "$1" ]; then
        IFS= read -r ORIGIN_USER && IFS= read -r ORIGIN_PASSWORD
        export ORIGIN_USER ORIGIN_PASSWORD GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=credential.helper
        export GIT_CONFIG_VALUE_0='!printf "username=%s\npassword=%s\n" "$ORIGIN_USER" "$ORIGIN_PASSWORD"; :'
    fi
}
