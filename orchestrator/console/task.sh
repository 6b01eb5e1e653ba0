# shellcheck shell=sh
# Runs a command of the application in the live release of this node, as the deploy user or, if $web is the path of as-web, as
# the web user. First prints $mark on a line of its own: all lines before this line come from the login. $facts are shell
# commands that set environment variables. If $watch is not empty, the end of the standard input means that the operator's
# process is gone, or that the time is over: then the script kills the command.
. ../scripts/as_web.sh

root=$1 run=$2 web=$3 facts=$4 mark=$5 watch=$6
printf '\n%s\n' "$mark"
color=$(readlink "$root/live") && release=$(readlink "$root/live/release")
release=${release##*/}
if [ -z "$release" ] || ! cd "$root/releases/$release"; then
    echo "this node has no live release: run deploys/release.py first" >&2
    exit 1
fi
facts="export RELEASE=$release COLOR=$color ORCHESTRATOR_RELEASE=$release ORCHESTRATOR_COLOR=$color RELEASE_PATH=$PWD
$facts"
exec 3<&0 </dev/null
if [ -n "$web" ]; then
    # as_web needs a directory for its pipe; the pipe ends with the subshell
    GUARD_DIR=$(mktemp -d) || exit 1
    trap 'rm -rf "$GUARD_DIR"' EXIT
    (as_web "$web" "$release" "$color" "$facts$run") 3<&- &
    group=
else
    setsid sh -c "$facts$run" 3<&- &
    group=-
fi
command=$!
if [ -n "$watch" ]; then
    # without the outputs of this script, whose end tells the operator's process that the command has ended
    { cat && kill -9 "$group$command"; } <&3 3<&- >/dev/null 2>&1 &
fi
exec 3<&-
code=0
wait "$command" || code=$?
exit "$code"
