# shellcheck shell=sh
# as_web <program> <release> <color> <command>: runs a command as the web user, and returns the status of the command.
# <program> is as-web, which provisioning installed. The guard must have started the calling script.
#
# This shell is the only process that can write to the pipe $GUARD_DIR/web. If the guard kills this shell, the pipe ends, and
# then systemd kills the processes of the web user, which the guard itself is not permitted to kill. The pipe also tells the
# guard that it must wait until these processes have ended.
as_web() {
    [ -x "$1" ] || {
        echo "the settings have a command for the web user, but this server was provisioned without such commands: run" \
            "deploys/provision.py" >&2
        return 1
    }
    pipe=${GUARD_DIR:?}/web
    rm -f "$pipe"
    mkfifo -m 600 "$pipe" || return 1
    # open the pipe for reading as well: otherwise this shell would wait here until another process opens the pipe
    exec 8<>"$pipe"
    # shellcheck disable=SC2024 # intended: the deploy user opens the pipe, and root does not
    sudo -n "$1" "$2" "$3" <"$pipe" 8>&- &
    { printf '%s' "$4" | base64 -w 0; echo; } >&8
    code=0
    wait "$!" || code=$?
    exec 8>&-
    rm -f "$pipe"
    return "$code"
}
