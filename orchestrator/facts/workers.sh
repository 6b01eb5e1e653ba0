# shellcheck shell=sh
# Prints the processes of the workers of both colors, the workers that the releases of the colors have, and the last line of
# each process of $4 (a color; empty for none) that has ended, or that systemd has started again.
. ../scripts/lines.sh
. ../scripts/workers.sh
program=$3 asked=$4
workers "$1" "$2"
echo "workers=$workers"
echo "expected=$expected"
# shellcheck disable=SC2086 # a list of words
set -- $workers
for word; do
    IFS=/ read -r color name number state _ _ restarts _ <<word
$word
word
    if [ "$color" = "$asked" ] && { [ "$state" = failed ] || [ "$restarts" != 0 ]; }; then
        line=$(sudo -n "$program" said "$color" "$name" "$number" 2>/dev/null | tail -n 1)
        printf 'said.%s/%s/%s=%s\n' "$color" "$name" "$number" "$line"
    fi
done
