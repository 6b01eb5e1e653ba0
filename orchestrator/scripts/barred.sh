# shellcheck shell=sh
# Prints the addresses of the nodes that this balancer bars: barred=<address> <address> .... If sudo does not let the deploy
# user read them, prints unread=<last line of the error message> instead.
if [ ! -e "${library:?}/bar" ]; then
    echo "barred="
elif barred=$(sudo -n "$library/bar" list 2>&1); then
    set -f
    # shellcheck disable=SC2086 # one line of words
    set -- $barred
    set +f
    printf 'barred=%s\n' "$*"
else
    printf 'unread=%s\n' "${barred##*"
"}"
fi
