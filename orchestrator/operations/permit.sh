# shellcheck shell=sh
# Sets the owners and modes of a release's files. The script changes no file that the live color reads:
# - A file with several hard links also belongs to another release, and is not changed. If `modes`, `private` or `writable`
#   lists such a file, the script first copies the file, so that only this release owns it.
# - A path that leads out of the release through a symlink is refused.
# - Outputs of build steps stay read-only, even if the mode for files has w.
# - Files of other users, such as the web user, are not changed.
# The web user may already be able to write to directories of the release, for example if the script runs a second time.
# Therefore a Perl program does the work. The program needs only perl-base, which every Debian server has.
set -eu
cd "$1/releases/$2"
perl - "$@" <<'program' || exit 1
. permit.pl
program
id=$2 own=$3 env_path=$4 env_owner=$5 group=$7
[ -z "$env_owner$group" ] || sudo -n "$own" "$id" "$env_path" "$env_owner" "$group"
