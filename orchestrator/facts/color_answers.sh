# shellcheck shell=sh
# Sends $count requests to a color on its own node, and stops after the first answer whose status is not 200. One process
# sends all requests. The standard input has the probe token, because every user of the node can read a command line. $code
# is a simple shell command (without ; and |) that prints JSON as its last line. $said is a shell command that prints the
# last error of PHP. If a command is empty, no command runs.
. ../scripts/lines.sh
. ../scripts/php_error.sh

path=$1 host=$2 proto=$3 port=$4 count=$5 started=$6 code=$7 said=$8
IFS= read -r token || true
set --
while [ "$count" -gt 0 ]; do
    set -- "$@" -o /dev/null "http://127.0.0.1:$port$path"
    count=$((count - 1))
done
answers=$(
    printf 'X-Probe-Token: %s\n' "$token" |
        curl -gsf --fail-early -m 5 -D - -w 'answer %{http_code}\n' -H @- -H "Host: $host" \
            ${proto:+-H "X-Forwarded-Proto: $proto"} "$@" |
        awk '{ sub(/\r$/, "") }
            /^HTTP\// { release = "" }
            tolower($1) == "x-release:" { release = $2 }
            /^answer [0-9]+$/ && good == n + 0 {
                printf "answer.%d=%s %s\n", n++, $2, release ? release : "-"
                good += $2 == 200
                release = ""
            }'
)
[ -n "$answers" ] || answers='answer.0=000 -'
printf '%s\n' "$answers"
last=${answers##*=}
case $last in "200 "*) ;; *) echo "why=$(php_error "${last%% *}" "$said")" ;; esac
lines "$started"
echo "started=$first"
# the command has a time limit: if the processes are stopped and never answer, the operator still gets the answers above
if [ -n "$code" ]; then
    shown=$(eval "timeout -s KILL 10 $code" 2>/dev/null)
    echo "code=${shown##*"
"}"
fi
