# shellcheck shell=sh
# Asks a color on its own node until an answer is bad. The probe token comes by standard input, because every user of the
# node can read a command line. $code is a shell command whose last line is JSON; empty: it is not run.
. ask.sh

path=$1 host=$2 proto=$3 port=$4 count=$5 started=$6 code=$7
IFS= read -r token || true
i=0
while [ "$i" -lt "$count" ]; do
    answer=$(ask 127.0.0.1 "$port")
    echo "answer.$i=$answer"
    case $answer in "200 "*) ;; *) break ;; esac
    i=$((i + 1))
done
echo "started=$(cat "$started" 2>/dev/null || true)"
[ -z "$code" ] || echo "code=$(sh -c "$code" 2>/dev/null | tail -n 1)"
