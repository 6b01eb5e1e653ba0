# shellcheck shell=sh
# Starts workers of a color's release. If $4 is `hold`, the script also notes that this color has the workers.
. ../scripts/run_workers.sh

set -eu
root=$1 color=$2 program=$3 hold=$4
shift 4
[ "$hold" != hold ] || hold_workers "$root" "$color"
run_workers "$root" "$color" "$program" "$@"
