# shellcheck shell=sh
# Runs a hook. $facts are shell commands that set environment variables. If $web is the path of as-web, the web user runs the
# hook in the release's directory. The web user's command contains $facts, because as-web passes no environment on.
. ../scripts/as_web.sh
. ../scripts/theirs.sh

set -eu
run=$1 release=$2 color=$3 directory=$4 web=$5 facts=$6
if [ -n "$web" ]; then
    code=0
    as_web "$web" "$release" "$color" "$facts$run" || code=$?
    exit "$code"
fi
[ ! -d "$directory" ] || cd "$directory"
theirs "$facts$run"
