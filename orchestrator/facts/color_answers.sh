# shellcheck shell=sh
# Sends $count requests to a color on its own node, and stops after the first answer whose status is not 200. The standard
# input has the probe token, because every user of the node can read a command line. $code is a shell command that prints
# JSON as its last line. $said is a shell command that prints the last error of PHP. If a command is empty, no command runs.
. ask.sh
. ../scripts/php_error.sh

path=$1 host=$2 proto=$3 port=$4 count=$5 started=$6 code=$7 said=$8
IFS= read -r token || true
i=0
while [ "$i" -lt "$count" ]; do
    answer=$(ask 127.0.0.1 "$port")
    echo "answer.$i=$answer"
    case $answer in "200 "*) ;; *) echo "why=$(php_error "${answer%% *}" "$said")"; break ;; esac
    i=$((i + 1))
done
echo "started=$(cat "$started" 2>/dev/null || true)"
# processes that are stopped never answer: then the answers above must still reach the operator
[ -z "$code" ] || echo "code=$(timeout -s KILL 10 sh -c "$code" 2>/dev/null | tail -n 1)"
