# shellcheck shell=sh
# Prints for each stamp "yes|<stamp>" if the files that the stamp lists have the checksums in the stamp, and "no|<stamp>"
# otherwise. $1 has the paths of files that are about to change, one on each line. If a stamp lists such a file, the
# script prints "no|<stamp>". The other arguments are the paths of the stamps.
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
