# shellcheck shell=sh
# theirs <command>: runs a shell command of the application. On a host, begin.sh has set another PATH and locale for the
# scripts of this tool. The application's command gets the PATH and the locale of the login instead. On the operator's
# machine, PATH and locale are unchanged.
theirs() {
    if [ -z "${ORCHESTRATOR_PATH:-}" ]; then
        sh -c "$1"
    else
        env -u ORCHESTRATOR_PATH -u ORCHESTRATOR_LC_ALL -u LC_ALL PATH="$ORCHESTRATOR_PATH" \
            ${ORCHESTRATOR_LC_ALL:+LC_ALL="$ORCHESTRATOR_LC_ALL"} sh -c "$1"
    fi
}
