# shellcheck shell=sh
# Warms a color: runs the shell command $compile, then requests pages. The command $compile makes PHP-FPM compile files,
# and prints JSON as its last line. If $compile is empty, no command runs. One process sends the requests for all pages.
#
# The kernel gives connections to the idle workers of PHP-FPM in turn. Therefore, after as many requests as there are
# workers, each worker has had a request. By this request, a worker gets memory from the system and links the classes of
# the page. If pages are slow or there are many workers, the requests end after a third of the time limit.
. ../scripts/php_error.sh

compile=$1 port=$2 host=$3 proto=$4 workers=$5 seconds=$6 said=$7
shift 7
if [ -n "$compile" ]; then
    answer=$(eval "$compile")
    answer=${answer##*"
"}
    case $answer in
    "{"*) printf '%s\n' "$answer" ;;
    *)
        echo "PHP-FPM did not finish compiling: read the log of PHP-FPM, or raise php.request_limit" >&2
        exit 1
        ;;
    esac
fi
set -eu
# The script measures time by the uptime, because a change of the clock must not change a time limit.
now() { # sets $now to the seconds since the start of the machine
    IFS=' .' read -r now _ </proc/uptime
}
pages() { # pages <path>...: prints the status of each page on a line of its own, until a page gives no good answer
    for path; do
        set -- "$@" -o /dev/null "http://127.0.0.1:$port$path"
        shift
    done
    curl -gsf --fail-early -m 30 -w '%{http_code}\n' -H "Host: $host" ${proto:+-H "X-Forwarded-Proto: $proto"} "$@"
}
ask() { # ask <path>...: requests pages, and ends the script at the first page that gives no good answer
    # if a page begins a good answer and does not end it in time, curl leaves out the pages after this page
    while [ $# -gt 0 ]; do
        codes=$(pages "$@" || true)
        for code in ${codes:-000}; do
            case $code in
            2* | 3*) shift ;;
            *)
                why=$(php_error "$code" "$said")
                echo "$1 answers status $code while warming${why:+: $why}" >&2
                exit 1
                ;;
            esac
        done
    done
}
now
late=$((now + seconds / 3))
ask "$@"
now
left=$((late - now))
if [ $# -gt 0 ] && [ $# -lt "$workers" ] && [ "$left" -gt 0 ]; then
    asked=$#
    for path; do
        shift
        case $path in *[\"\\]*) path=$(printf '%s\n' "$path" | sed 's/["\\]/\\&/g') ;; esac
        set -- "$@" "$path"
    done
    # one process sends all these requests
    while [ "$asked" -lt "$workers" ]; do
        printf 'url = "http://127.0.0.1:%s%s"\noutput = "/dev/null"\n' "$port" "$1"
        set -- "$@" "$1"
        shift
        asked=$((asked + 1))
    done |
        timeout "$left" curl -gs -m 30 -H "Host: $host" ${proto:+-H "X-Forwarded-Proto: $proto"} -K - || true
fi
