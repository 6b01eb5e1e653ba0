# shellcheck shell=sh
# last.sh on|off <app>: makes nginx close each connection of the OTHER applications on this host after the next answer, or
# stops this again. nginx closes the connections of an application while the application's drain mark (the file
# guard/drain) exists. `off` removes only the marks that `on` has written.
verb=$1 app=$2
for file in /etc/nginx/conf.d/*.conf; do
    [ "$file" = "/etc/nginx/conf.d/$app.conf" ] || grep -soE '/[A-Za-z0-9._/-]+/guard/drain' "$file"
done | sort -u | while IFS= read -r mark; do
    owner=$(stat -c %U "${mark%/*}" 2>/dev/null) || continue
    # run as the owner of the directory, because root would follow a symlink that the owner may have put there
    runuser -u "$owner" -- sh -c '
        mark=$1 app=$2 verb=$3
        if [ "$verb" = off ]; then
            ! grep -qsxF "remove $app" "$mark" || rm -f "$mark"
        elif [ ! -e "$mark" ]; then
            printf "%s\n" - "remove $app" >"$mark.$app" && mv -fT "$mark.$app" "$mark"
        fi' last "$mark" "$app" "$verb" || exit
done
