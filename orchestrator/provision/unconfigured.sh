# shellcheck shell=sh
# Prints the ids of the releases that have no configuration for their color, one id on each line.
root=$1 file=$2
for release in "$root"/releases/[0-9]*Z-*; do
    [ ! -d "$release" ] || [ -L "$release" ] || [ -e "$release/.release/stack/$file" ] || echo "${release##*/}"
done
