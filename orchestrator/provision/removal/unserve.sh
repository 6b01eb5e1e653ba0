# shellcheck shell=sh
# unserve <program> <file> [<port>...]
#
# Removes the application's configuration file of the program (haproxy or nginx), and makes the program load its other
# configuration files. If the program refuses the other files, <file> stays. Until the program has loaded the other files,
# <file> is renamed to <file>.removed, which the program does not read. So the next removal completes a removal that was
# killed here. Fails if the program still listens on a port that no other configuration file names.
program=$1 file=$2
shift 2
away=$file.removed
[ ! -e "$file" ] || mv -fT "$file" "$away" || exit
rm -f "$file.candidate"
[ -e "$away" ] || exit 0

accepts_rest() {
    if [ "$program" = nginx ]; then
        /usr/sbin/nginx -t -q
        return
    fi
    set -- -f /etc/haproxy/haproxy.cfg
    for other in /etc/haproxy/orchestrator/*.cfg; do
        [ ! -e "$other" ] || set -- "$@" -f "$other"
    done
    /usr/sbin/haproxy -c -q "$@"
}
others_name() { # <port>
    grep -qsE "^[[:space:]]*(listen|bind)[[:space:]]+([^[:space:];]*:)?$1([[:space:];]|\$)" \
        /etc/nginx/conf.d/*.conf /etc/nginx/sites-enabled/* /etc/haproxy/haproxy.cfg /etc/haproxy/orchestrator/*.cfg
}
listens() { # <port>
    ss -Hltnp "sport = :$1" | awk -v name="\"$program\"" 'index($0, name) || !/users:/ { found = 1 } END { exit !found }'
}

if systemctl is-active --quiet "$program.service"; then
    accepts_rest || {
        mv -fT "$away" "$file"
        echo "$program refuses its configuration without $file: first correct the configuration" >&2
        exit 1
    }
    systemctl reload "$program.service" || exit
    for port in "$@"; do
        ! others_name "$port" || continue
        looks=0
        while listens "$port"; do
            looks=$((looks + 1))
            [ "$looks" -lt 200 ] || {
                echo "$program still listens on port $port after its reload" >&2
                exit 1
            }
            sleep 0.05
        done
    done
fi
rm -f "$away"
