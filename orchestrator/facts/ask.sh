# shellcheck shell=sh
# ask <address> <port>: requests $path with the Host header $host, the header X-Forwarded-Proto $proto (if $proto is not
# empty) and the probe token $token. Prints the status of the answer (000: no answer) and the release that the header
# X-Release names (-: no such header).
ask() {
    # shellcheck disable=SC2154 # the script that includes this has them
    printf 'X-Probe-Token: %s\n' "$token" |
        curl -gs -m 5 -o /dev/null -D - -H @- -H "Host: $host" ${proto:+-H "X-Forwarded-Proto: $proto"} \
            "http://$1:$2$path" | {
        end=$(printf '\r')
        read -r _ code _ || code=''
        code=${code%"$end"} release=''
        while read -r header value _; do
            case $header in [Xx]-[Rr][Ee][Ll][Ee][Aa][Ss][Ee]:) release=${value%"$end"} ;; esac
        done
        printf '%s %s\n' "${code:-000}" "${release:--}"
    }
}
