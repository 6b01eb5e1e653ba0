# shellcheck shell=sh
# theirs <command>: runs a shell command of the application. On a host, the command gets the PATH and the locale of the
# login, because the scripts of this tool have others (begin.sh). On the operator's machine, nothing has to be changed.
theirs() {
    if [ -z "${ORCHESTRATOR_PATH:-}" ]; then
        sh -c "$1"
    else
        env -u ORCHESTRATOR_PATH -u ORCHESTRATOR_LC_ALL -u LC_ALL PATH="$ORCHESTRATOR_PATH" \
            ${ORCHESTRATOR_LC_ALL:+LC_ALL="$ORCHESTRATOR_LC_ALL"} sh -c "$1"
    fi
}
