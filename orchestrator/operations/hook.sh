# shellcheck shell=sh
# Runs a hook. If $web is the path of as-web, the web user runs the hook in the release's directory.
. ../scripts/as_web.sh
. ../scripts/theirs.sh

set -eu
run=$1 release=$2 color=$3 directory=$4 web=$5
if [ -n "$web" ]; then
    code=0
    as_web "$web" "$release" "$color" "$run" || code=$?
    exit "$code"
fi
export RELEASE="$release" COLOR="$color"
[ ! -d "$directory" ] || cd "$directory"
theirs "$run"
