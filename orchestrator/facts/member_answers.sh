# shellcheck shell=sh
# Sends a request from this balancer to one color on every node, all at the same time. If the color on a node gives no
# answer, also sends a request to the other color of the node. Members are <node>=<address>. The standard input has the
# probe token, because every user can read a command line.
path=$1 host=$2 proto=$3 port=$4 other=$5
shift 5
IFS= read -r token || true
umask 077
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
printf 'X-Probe-Token: %s\n' "$token" >"$dir/token"
# ask <port> <name> <former> <member>...: requests $path from each member, with the Host header $host, the header
# X-Forwarded-Proto $proto (if $proto is not empty) and the probe token. The headers of the answer of the n-th member are
# in the file <name>.<n>. If there is no answer, there is no such file, or the file is empty. A member that has answered
# already, so that the file <former>.<n> has its headers, gets no request. One process sends all requests: with many nodes,
# a process for each request would cost more than the requests.
ask() {
    to=$1 name=$2 former=$3 number=0 next=''
    shift 3
    left=$#
    while [ "$number" -lt "$left" ]; do
        member=$1 number=$((number + 1))
        shift
        [ ! -s "$dir/$former.$number" ] || continue
        # shellcheck disable=SC2086 # one word or none
        set -- "$@" $next -gs -m 5 -o /dev/null -D "$dir/$name.$number" -H "@$dir/token" -H "Host: $host" \
            ${proto:+-H "X-Forwarded-Proto: $proto"} "http://${member#*=}:$to$path"
        next=--next
    done
    [ -z "$next" ] || curl -Z --parallel-max 100 "$@" 2>/dev/null || true
}
# answer <file>: sets $answer to the status of the answer (000: no answer) and the release that the header X-Release names
# (-: no such header)
answer() {
    code='' release=''
    if [ -s "$1" ]; then
        {
            read -r _ code _
            while read -r header value _; do
                case $header in [Xx]-[Rr][Ee][Ll][Ee][Aa][Ss][Ee]:) release=${value%"$end"} ;; esac
            done
        } <"$1"
    fi
    code=${code%"$end"}
    answer="${code:-000} ${release:--}"
}
end=$(printf '\r')
ask "$port" first none "$@"
ask "$other" other first "$@"
number=0
for member in "$@"; do
    number=$((number + 1))
    answer "$dir/first.$number"
    first=$answer
    case $first in 000*) answer "$dir/other.$number" ;; *) answer='- -' ;; esac
    echo "${member%%=*}=$first $answer"
done
