# shellcheck shell=sh
# Starts the program that waits and swaps. It needs more than perl-base, which every Debian server has.
program=$1
shift
perl -MTime::HiRes -e 1 2>/dev/null || {
    echo "there is no perl on this node: provision it (deploys/provision.py)" >&2
    exit 1
}
exec perl -e "$program" -- "$@"
