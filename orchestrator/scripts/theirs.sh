# shellcheck shell=sh
# theirs <command>: runs a shell command of the application. On a host, begin.sh has set another PATH and locale for the
# scripts of this tool. The application's command gets the PATH and the locale of the login instead. On the operator's
# machine, PATH and locale are unchanged.
theirs() {
    if [ -z "${ORCHESTRATOR_PATH:-}" ]; then
        sh -c "$1"
    else
        (
            export PATH="$ORCHESTRATOR_PATH"
            # shellcheck disable=SC2031 # the function digest changes LC_ALL only for itself
            if [ -n "${ORCHESTRATOR_LC_ALL:-}" ]; then export LC_ALL="$ORCHESTRATOR_LC_ALL"; else unset LC_ALL; fi
            unset ORCHESTRATOR_PATH ORCHESTRATOR_LC_ALL
            exec sh -c "$1"
        )
    fi
}
