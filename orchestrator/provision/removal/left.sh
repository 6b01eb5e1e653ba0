# shellcheck shell=sh
# Prints the parts that an application has on this host. Changes nothing. Each line begins with a word that says what
# the line is:
#
#   path <path>          a file or directory outside the application's root
#   unit <name>          a systemd unit
#   rule <ip> <port>     a rule of the firewall that bars a node
#   entry <name>         a file or directory in the root; `.` if the root is an empty directory
#   foreign <name>       any other name in the root
#   mount <path>         a file system that is mounted below the root
#   shared <KiB>         the size of the shared data
#   keys <count>         how many of the public keys from standard input may log in as the deploy user
#   login <user>         the user as whom the operator logged in
#   other <app> <user>   another application on this host, and its deploy user
#   beside <path>        another configuration file of nginx
#   listens <port>       a port that one of these files names
#   clients <count>      connections to the ports of the application
#   end                  the last line: nothing is cut off
app=$1 user=$2 root=$3 entries=$4 ports=$5
shift 5
. ./units.sh
. ./bars.sh
. ./owners.sh

for path in "$@"; do
    if [ -e "$path" ] || [ -L "$path" ]; then is_of_another "$path" "$app" || echo "path $path"; fi
done
units_of "$app" | sed 's/^/unit /'
bars_of "$app" | sed 's/^/rule /'

if [ -d "$root" ]; then
    found=$(find "$root/" -mindepth 1 -maxdepth 1 -printf '%f\n')
    [ -n "$found" ] || mountpoint -q "$root" || echo "entry ."
    echo "$found" | sort | while IFS= read -r name; do
        case " $entries " in
        *" $name "*) echo "entry $name" ;;
        *) [ -z "$name" ] || echo "foreign $name" ;;
        esac
    done
    awk -v below="$root/" 'index($5, below) == 1 { print "mount " $5 }' /proc/self/mountinfo
    if [ -d "$root/shared" ]; then
        # du may take long in a large directory
        size=$(timeout -s KILL 60 du -skx "$root/shared" 2>/dev/null | cut -f1)
        echo "shared ${size:-unknown}"
    fi
fi

if home=$(getent passwd "$user" | cut -d: -f6) && [ -n "$home" ]; then
    echo "keys $(runuser -u "$user" -- grep -cxFf - "$home/.ssh/authorized_keys" 2>/dev/null)"
fi
echo "login ${SUDO_USER:-$(id -un)}"

for other in /etc/orchestrator/*/ /var/lib/orchestrator/*/; do
    [ -d "$other" ] || continue
    name=$(basename "$other")
    [ "$name" = "$app" ] || echo "other $name $(sed -n 's/ ALL=(root) .*//p' "/etc/sudoers.d/$name" 2>/dev/null | head -n 1)"
done | sort -u

for file in /etc/nginx/conf.d/*.conf /etc/nginx/sites-enabled/*; do
    [ -f "$file" ] && [ "$file" != "/etc/nginx/conf.d/$app.conf" ] || continue
    echo "beside $file"
    sed -nE 's/^[[:space:]]*listen[[:space:]]+([^;[:space:]]*:)?([0-9]+)([;[:space:]].*)?$/listens \2/p' "$file"
done | sort -u

filter=''
for port in $ports; do
    filter="${filter:+$filter or }sport = :$port"
done
[ -z "$filter" ] || echo "clients $(ss -HtnO state established "( $filter )" | wc -l)"
echo end
