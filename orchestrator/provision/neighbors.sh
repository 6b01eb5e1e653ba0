# shellcheck shell=sh
# neighbors.sh <app>: prints the ports at which nginx on this host listens for the OTHER applications, one on each line.
# Only the files that name a drain mark count: nginx does not end the connections of other sites.
app=$1
for file in /etc/nginx/conf.d/*.conf; do
    if [ "$file" = "/etc/nginx/conf.d/$app.conf" ] || ! grep -qs '/guard/drain' "$file"; then continue; fi
    sed -nE 's/^[[:space:]]*listen[[:space:]]+([^;[:space:]]*:)?([0-9]+)([;[:space:]].*)?$/\2/p' "$file"
done | sort -nu
