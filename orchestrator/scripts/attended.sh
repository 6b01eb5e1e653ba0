# shellcheck shell=sh
# attended <process> <command> [<argument>...]: runs a command with the standard input, outputs and terminal of this script, and
# returns the status of the command. <process> is the process of the SSH server that serves the operator's connection. If this
# process ends, the operator is gone. Then the function kills all processes of this session that the present user may kill.
# Otherwise the command would continue if its input and outputs do not show that the operator is gone.
attended() {
    served=$1
    shift
    session=$(ps -o sid= -p $$)
    # Ctrl-C is for the command, and not for this script. The trap runs `:`, because the command would inherit `trap ''`
    trap : HUP INT QUIT
    (
        trap '' HUP INT QUIT
        tail --pid="$served" -f /dev/null && pkill -KILL -s "${session##* }"
    ) </dev/null >/dev/null 2>&1 &
    watch=$!
    code=0
    "$@" || code=$?
    # a stopped watch can start no further process
    kill -STOP "$watch" 2>/dev/null
    pkill -KILL -P "$watch"
    kill -KILL "$watch" 2>/dev/null
    return "$code"
}
