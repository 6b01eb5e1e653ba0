# shellcheck shell=sh
# Notes which schedules a node runs ($2: one, each or none), the number of the run, and the name of the node that runs the
# single-node schedules ($3; empty if unknown).
. ../scripts/note.sh

set -eu
root=$1 runs=$2 holder=$3
number=0
read -r number 2>/dev/null <"$root/guard/fence" || true
note "$root" schedule "$runs $number $holder"
