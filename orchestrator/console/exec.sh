# shellcheck shell=sh
# Runs a command of the operator in a release of this node, with the standard input, outputs and terminal of this script. $web
# and $program are the web user and the path of the program `console`, with which the web user runs the command. If they are
# empty, the deploy user runs the command. If $mark is not empty, the script first prints it on a line of its own: all lines
# before this line come from the login. Then the command has no input.
. ../scripts/attended.sh

root=$1 release=$2 color=$3 web=$4 program=$5 mark=$6 command=$7
if [ -n "$mark" ]; then
    printf '\n%s\n' "$mark"
    exec </dev/null
fi
# from now on, a contract finds this process, and no run removes the release
cd "$root/releases/$release" || {
    echo "the release $release is no longer on this node: run the command again" >&2
    exit 3
}
if [ -z "$program" ]; then
    attended "$PPID" sh -c "$command"
    exit
fi
if [ ! -x "$program" ]; then
    echo "an earlier version of this tool provisioned this node, so the web user cannot run commands: run" \
        "deploys/provision.py, or add --user deploy" >&2
    exit 3
fi
exec sudo -n -u "$web" "$program" "$release" "$color" "$PPID" "$(printf '%s' "$command" | base64 -w 0)"
