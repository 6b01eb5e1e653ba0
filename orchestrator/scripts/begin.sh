# shellcheck shell=sh
# Runs before each command on a host (connection/marks.py). Prints $mark on both outputs: all lines before the mark come from
# the login, not from the command. Sets the same locale, PATH and umask for the command on every host. The variables with
# ORCHESTRATOR_ in their name keep the values of the login, which hooks and build steps get (theirs.sh).
: "${mark:?}"

printf '\n%s\n' "$mark"
printf '\n%s\n' "$mark" >&2
export ORCHESTRATOR_PATH="$PATH" ORCHESTRATOR_LC_ALL="${LC_ALL-}"
export LC_ALL=C PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:$PATH"
umask 022
