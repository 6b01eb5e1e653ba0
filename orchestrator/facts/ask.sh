# shellcheck shell=sh
# ask <address> <port>: requests $path with the Host header $host, the header X-Forwarded-Proto $proto (if $proto is not
# empty) and the probe token $token. Prints the status of the answer (000: no answer) and the release that the header
# X-Release names (-: no such header).
ask() {
    # shellcheck disable=SC2154 # the script that includes this has them
    printf 'X-Probe-Token: %s\n' "$token" |
        curl -gs -m 5 -o /dev/null -D - -H @- -H "Host: $host" ${proto:+-H "X-Forwarded-Proto: $proto"} \
            "http://$1:$2$path" |
        awk '{ sub(/\r$/, "") } NR == 1 {code = $2} tolower($1) == "x-release:" {release = $2}
            END {printf "%s %s\n", code ? code : "000", release ? release : "-"}'
}
