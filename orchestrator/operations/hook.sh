# shellcheck shell=sh
. ../scripts/theirs.sh

set -eu
run=$1 release=$2 color=$3 directory=$4
export RELEASE="$release" COLOR="$color"
[ ! -d "$directory" ] || cd "$directory"
theirs "$run"
