# shellcheck shell=sh
# Note on a node that the run with this number is a provisioning, which changes no release. catch-up reads this note on an
# instance that was started from an image. The guard runs this script.
#
# $1: directory of the guard, $2: number of the run
echo "$2" > "$1/provisioned.new"
mv -fT "$1/provisioned.new" "$1/provisioned"
