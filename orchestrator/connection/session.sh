# shellcheck shell=sh
# Runs commands one after the other, until standard input ends. For each command, standard input has a line with a number of
# bytes, and then so many bytes: the command and $1, a random word. If the word is missing, the command was cut off, and does
# not run. After each command, the script prints a line with $1 on both outputs.
#
# Each command runs in a shell of its own, with the locale and the PATH of the login, and without any input.
while read -r bytes; do
    text=$(head -c "$bytes")
    command=${text%"$1"}
    [ "$command" != "$text" ] || exit 1
    (
        PATH=$ORCHESTRATOR_PATH
        if [ -n "$ORCHESTRATOR_LC_ALL" ]; then LC_ALL=$ORCHESTRATOR_LC_ALL; else unset LC_ALL; fi
        unset ORCHESTRATOR_PATH ORCHESTRATOR_LC_ALL
        # replace this shell by the command's own shell, which saves a process
        case $command in "sh -c "*) eval "exec $command" ;; *) eval "$command" ;; esac
    ) </dev/null
    printf '\n%s\n' "$1"
    printf '\n%s\n' "$1" >&2
done
