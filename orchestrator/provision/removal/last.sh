# shellcheck shell=sh
# last.sh on|off <app>: makes each answer of the OTHER applications on this host the last on its connection, or no longer.
# Their nginx does so while their mark of a drain exists. A mark that another command wrote stays as it is.
verb=$1 app=$2
for file in /etc/nginx/conf.d/*.conf; do
    [ "$file" = "/etc/nginx/conf.d/$app.conf" ] || grep -soE '/[A-Za-z0-9._/-]+/guard/drain' "$file"
done | sort -u | while IFS= read -r mark; do
    owner=$(stat -c %U "${mark%/*}" 2>/dev/null) || continue
    # as the owner of the directory, who could replace it by a link
    runuser -u "$owner" -- sh -c '
        mark=$1 app=$2 verb=$3
        if [ "$verb" = off ]; then
            ! grep -qsxF "remove $app" "$mark" || rm -f "$mark"
        elif [ ! -e "$mark" ]; then
            printf "%s\n" - "remove $app" >"$mark.$app" && mv -fT "$mark.$app" "$mark"
        fi' last "$mark" "$app" "$verb" || exit
done
