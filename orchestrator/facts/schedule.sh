# shellcheck shell=sh
# Prints the commands of the schedules that run on a node, and the file that says which schedules the node runs.
. ../scripts/lines.sh
. ../scripts/workers.sh
workers "$1" "$2"
echo "workers=$workers"
lines "$1/guard/schedule"
echo "schedule=$first"
