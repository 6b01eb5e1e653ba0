# shellcheck shell=sh
set -eu
run=$1 release=$2 color=$3 directory=$4
export RELEASE="$release" COLOR="$color"
[ ! -d "$directory" ] || cd "$directory"
exec sh -c "$run"
