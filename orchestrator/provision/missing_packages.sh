# shellcheck shell=sh
# Prints the packages that are not installed. One process reads the state of all packages.
command -v dpkg-query >/dev/null || exit 0
# shellcheck disable=SC2016 # dpkg-query replaces the names in braces
format='${db:Status-Status}=${Package} ${db:Status-Status}=${Package}:${Architecture} '
known=" $(dpkg-query -W -f="$format" "$@" 2>/dev/null)"
for package in "$@"; do
    case $known in
        *" installed=$package "*) ;;
        *) echo "$package" ;;
    esac
done
