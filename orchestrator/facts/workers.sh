# shellcheck shell=sh
# Prints the processes of the workers of both colors, and the workers that the releases of the colors have. For each process
# of $4 (a color; empty for none) that has failed, or that systemd has started again, also prints its last line, and whether a
# signal ended the process.
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
        # if an older version of this tool provisioned the server, the program does not know the word `ended`
        how=$(sudo -n "$program" ended "$color" "$name" "$number" 2>/dev/null) || how=
        printf 'ended.%s/%s/%s=%s\n' "$color" "$name" "$number" "$how"
    fi
done
