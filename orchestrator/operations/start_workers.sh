# shellcheck shell=sh
# Starts workers of a color's release. If $4 is `hold`, the script also notes that the workers of this color start at boot.
. ../scripts/run_workers.sh

set -eu
root=$1 color=$2 program=$3 hold=$4
shift 4
[ "$hold" != hold ] || hold_workers "$root" "$color"
run_workers "$root" "$color" "$program" "$@"
