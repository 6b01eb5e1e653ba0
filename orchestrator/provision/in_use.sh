# shellcheck shell=sh
# Prints which TCP ports are in use on this host, and which ports configuration files name. Changes nothing. Each line
# begins with a word that says what the line is:
#
#   socket <line of ss>                a listening socket
#   unit <process id> <control group>  the control group of a process that listens
#   haproxy <path>:<line>              a line of HAProxy's configuration that names ports
#   nginx <line>                       a line of nginx's whole configuration, as `nginx -T` prints it
#   service <path>:<line>              the command of a color's nginx or service, in the systemd unit that an application installed
#   welcome <path>                     nginx's welcome page, as the distribution installed it
#
# The configuration of HAProxy or nginx counts if the program runs, if the program starts at boot, or if it is one of
# the programs in $used, which provisioning starts on this host.
used=$1
counts() {
    case " $used " in *" $1 "*) return 0 ;; esac
    systemctl is-active --quiet "$1.service" 2>/dev/null || systemctl is-enabled --quiet "$1.service" 2>/dev/null
}

sockets=$(ss -Hltnp 2>/dev/null)
printf '%s\n' "$sockets" | sed -n 's/^./socket &/p'
for pid in $(printf '%s\n' "$sockets" | grep -o 'pid=[0-9]*' | cut -d= -f2 | sort -un); do
    sed -nE "s/^(0:|[0-9]+:name=systemd):(.*)/unit $pid \2/p" "/proc/$pid/cgroup" 2>/dev/null
done

if counts haproxy; then
    pid=$(systemctl show --property=MainPID --value haproxy.service 2>/dev/null)
    {
        printf '%s\n' /etc/haproxy/haproxy.cfg /etc/haproxy/orchestrator
        # more files and directories that the running HAProxy was started with
        [ "${pid:-0}" = 0 ] || tr '\000' '\n' <"/proc/$pid/cmdline" | awk 'last == "-f"; { last = $0 }'
    } | while IFS= read -r path; do
        if [ -d "$path" ]; then
            find "$path" -maxdepth 1 -name '[!.]*.cfg'
        else
            printf '%s\n' "$path"
        fi
    done | sort -u | while IFS= read -r path; do
        grep -sHE '^[[:space:]]*(bind|stats[[:space:]]+socket)[[:space:]]' "$path"
    done | sed 's/^/haproxy /'
fi

if [ -x /usr/sbin/nginx ] && counts nginx; then
    if whole=$(timeout -s KILL 20 /usr/sbin/nginx -T 2>/dev/null); then
        printf '%s\n' "$whole"
    else
        # nginx refuses its present configuration, or cannot resolve a name in it: read the usual files
        for path in /etc/nginx/nginx.conf /etc/nginx/conf.d/*.conf /etc/nginx/sites-enabled/*; do
            [ ! -f "$path" ] || printf '# configuration file %s:\n%s\n' "$path" "$(cat "$path")"
        done
    fi | sed 's/^/nginx /'
    page=/etc/nginx/sites-enabled/default
    sum=$(dpkg-query -W -f='${Conffiles}\n' nginx-common 2>/dev/null |
        awk '$1 == "/etc/nginx/sites-available/default" { print $2 }')
    if [ -n "$sum" ] && [ -f "$page" ] && [ "$(md5sum <"$page" | cut -c1-32)" = "$sum" ]; then
        echo "welcome $page"
    fi
fi

grep -sHE '^ExecStart=/usr/local/lib/orchestrator/[^/]*/(serve|nginx) ' /etc/systemd/system/*.service | sed 's/^/service /'
true
