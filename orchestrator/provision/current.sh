# shellcheck shell=sh
# Prints for each stamp whether the files that it lists are unchanged: yes|<stamp> or no|<stamp>.
for stamp in "$@"; do
    if [ -s "$stamp" ] && sha256sum --check --status --strict "$stamp" 2>/dev/null; then
        echo "yes|$stamp"
    else
        echo "no|$stamp"
    fi
done
