# shellcheck shell=sh
# Runs commands one after the other, until standard input ends. For each command, standard input has a line with two numbers of
# bytes, and then so many bytes: first the command and $1, then the input of the command and $1. $1 is a random word. If the
# word is missing, the command was cut off, and does not run. The second number is 0 for a command without input. After each
# command, the script prints a line with $1 on both outputs.
#
# Each command runs in a shell of its own, with the locale and the PATH of the login.
run() { # run <command>: ends this shell
    PATH=$ORCHESTRATOR_PATH
    if [ -n "$ORCHESTRATOR_LC_ALL" ]; then LC_ALL=$ORCHESTRATOR_LC_ALL; else unset LC_ALL; fi
    unset ORCHESTRATOR_PATH ORCHESTRATOR_LC_ALL
    # replace this shell by the command's own shell, which saves a process
    case $1 in "sh -c "*) eval "exec $1" ;; *) eval "$1" ;; esac
    exit
}
while read -r bytes more; do
    text=$(head -c "$bytes")
    command=${text%"$1"}
    [ "$command" != "$text" ] || exit 1
    if [ "$more" = 0 ]; then
        (run "$command") </dev/null
    else
        text=$(head -c "$more")
        input=${text%"$1"}
        [ "$input" != "$text" ] || exit 1
        printf '%s' "$input" | (run "$command")
    fi
    printf '\n%s\n' "$1"
    printf '\n%s\n' "$1" >&2
done
