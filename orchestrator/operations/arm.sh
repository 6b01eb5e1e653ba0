# shellcheck shell=sh
# Starts the Perl program $1, which changes the `live` link at an instant. The program needs the package perl. Every
# Debian server has perl-base, but perl-base is not enough.
program=$1
shift
perl -MTime::HiRes -e 1 2>/dev/null || {
    echo "there is no perl on this node: provision the node (deploys/provision.py)" >&2
    exit 1
}
exec perl -e "$program" -- "$@"
