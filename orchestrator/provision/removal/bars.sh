# shellcheck shell=sh
# bars_of <app>: prints <ip> <port> for each rule of the firewall by which this balancer bars a node of an application.
# bar_rule -C|-D <ip> <port>: looks for such a rule, or deletes the rule.
bar_rule() {
    case $2 in *:*) tables=ip6tables ;; *) tables=iptables ;; esac
    "/usr/sbin/$tables" -w 5 "$1" OUTPUT -p tcp -d "$2" --dport "$3" --syn -j REJECT --reject-with tcp-reset 2>/dev/null
}
bars_of() {
    [ -e "/etc/orchestrator/$1/nodes" ] || return 0
    while read -r _ ip blue green _; do
        for port in "$blue" "$green"; do
            ! bar_rule -C "$ip" "$port" || echo "$ip $port"
        done
    done <"/etc/orchestrator/$1/nodes"
}
