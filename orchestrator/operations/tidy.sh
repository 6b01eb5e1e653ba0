# shellcheck shell=sh
. ../scripts/away.sh

set -eu
root=$1 remove=$2
cd "$root/releases"
leftovers
