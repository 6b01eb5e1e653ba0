# shellcheck shell=sh
# Prints for each stamp whether the files that it lists are unchanged, and will stay so: yes|<stamp> or no|<stamp>. $1 lists
# the files that are about to change, one a line.
changing=$1
shift
stays() { [ -z "$changing" ] || ! sed 's/^[0-9a-f]* [ *]//' "$1" | grep -qxF -e "$changing"; }
for stamp in "$@"; do
    if [ -s "$stamp" ] && sha256sum --check --status --strict "$stamp" 2>/dev/null && stays "$stamp"; then
        echo "yes|$stamp"
    else
        echo "no|$stamp"
    fi
done
