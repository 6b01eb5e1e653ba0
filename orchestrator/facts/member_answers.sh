# shellcheck shell=sh
# Asks each node's color from this balancer, all at once; where it gives no answer, the other color. Members are
# <node>=<address>. The probe token comes by standard input, because every user can read a command line.
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
