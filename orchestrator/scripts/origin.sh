# shellcheck shell=sh
. git_settings.sh

# ask_as <login> <ssh> <origin>: sets the environment variables by which git reaches the origin. git never asks a person for
# a password. If <login> is not empty, the standard input has user and password, each on its own line. git gets both from
# the environment, which no other user can read, and sends them only to the host in the URL <origin>. <ssh> is the program
# that git runs instead of ssh. If an early version of this tool provisioned the node, this program does not exist, and
# git's global setting for ssh is used.
ask_as() {
    export GIT_TERMINAL_PROMPT=0
    [ ! -x "$2" ] || export GIT_SSH_COMMAND="$2"
    if [ -n "$1" ]; then
        IFS= read -r ORIGIN_USER && IFS= read -r ORIGIN_PASSWORD
        site=${3#*://}
        site=${site%%/*}
        export ORIGIN_USER ORIGIN_PASSWORD
        answer='!printf "username=%s\npassword=%s\n" "$ORIGIN_USER" "$ORIGIN_PASSWORD"; :'
        # an http server may redirect to https on the same host
        case $3 in
            http://*) git_settings "credential.http://$site.helper" "$answer" "credential.https://${site%:*}.helper" "$answer" ;;
            *) git_settings "credential.${3%%://*}://$site.helper" "$answer" ;;
        esac
    fi
}

# reason: prints the line of git's error messages that says why a repository does not answer. Reads the messages from
# standard input.
reason() {
    awk '
        /^(Please make sure you have|and the repository exists)|^$/ { next }
        # git adds this line after the error message of ssh
        /^fatal: Could not read from remote/ && last { next }
        { last = $0 }
        END { print (last ? last : "git said nothing") }'
}
