# shellcheck shell=sh
# Tells the workers of colors to end after their present jobs, and does not wait. $3 is the color whose workers run from now
# on: the script first notes that the workers of this color start at boot, and starts the missing workers. `none`: no workers
# start at boot. If $3 is empty, the script does not change the note and starts no workers.
. ../scripts/run_workers.sh

set -eu
root=$1 program=$2 keep=$3
shift 3
[ -z "$keep" ] || hold_workers "$root" "$keep"
case $keep in blue | green) run_workers "$root" "$keep" "$program" ;; esac
for color in "$@"; do
    sudo -n "$program" stop "$color"
done
