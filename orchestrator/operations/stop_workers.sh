# shellcheck shell=sh
# Tells the workers of colors to end after their present jobs, and does not wait. $3 is the color that has the workers from
# now on: the script first notes this color, and starts its missing workers. `none`: no color has the workers. If $3 is
# empty, the script changes no note.
. ../scripts/run_workers.sh

set -eu
root=$1 program=$2 keep=$3
shift 3
[ -z "$keep" ] || hold_workers "$root" "$keep"
case $keep in blue | green) run_workers "$root" "$keep" "$program" ;; esac
for color in "$@"; do
    sudo -n "$program" stop "$color"
done
