# shellcheck shell=sh
# Sends a request from this balancer to one color on every node, all at the same time. If the color on a node gives no
# answer, also sends a request to the other color of the node. Members are <node>=<address>. The standard input has the
# probe token, because every user can read a command line.
. ask.sh

path=$1 host=$2 proto=$3 port=$4 other=$5
shift 5
IFS= read -r token || true
for member in "$@"; do
    {
        answer=$(ask "${member#*=}" "$port")
        case $answer in 000*) other_answer=$(ask "${member#*=}" "$other") ;; *) other_answer="- -" ;; esac
        echo "${member%%=*}=$answer $other_answer"
    } &
done
wait
