# shellcheck shell=sh
# Runs a command of the application with environment variables that let the command use another database. The standard input
# has shell commands that set these variables. Their values may be secret. Therefore the variables are not arguments, and no
# file has them: the command reads them from the named pipe $dir/variables, which only one process can read, and only once.
# If $web is the path of as-web, the web user $user runs the command, and gets the permission to read the pipe by an ACL.
#
# Prints the exit status of the command, and the last lines of its output.
. ../scripts/as_web.sh
. ../scripts/theirs.sh

set -eu
root=$1 id=$2 color=$3 command=$4 web=$5 user=$6
dir=$root/guard/trial
variables=$(cat)
[ -n "$variables" ] || { echo "the operator's machine sent no variables" >&2; exit 1; }
rm -rf "$dir"
mkdir -p "$dir"
mkfifo -m 600 "$dir/variables"
if [ -n "$web" ] && ! setfacl -m "u:$user:r" "$dir/variables"; then
    echo "the user $user cannot get the permission to read $dir/variables (setfacl failed): set database.user to deploy" >&2
    exit 1
fi
cd "$root/releases/$id"
export RELEASE="$id" COLOR="$color" RELEASE_PATH="$root/releases/$id"
printf '%s\n' "$variables" >"$dir/variables" 2>/dev/null &
writer=$!
run=". '$dir/variables'
$command"
code=0
if [ -n "$web" ]; then as_web "$web" "$id" "$color" "$run"; else theirs "$run"; fi </dev/null >"$dir/output" 2>&1 || code=$?
# if the command never began, nothing has read the pipe
kill "$writer" 2>/dev/null || true
printf 'code=%s\n' "$code"
tail -n 20 "$dir/output" | cut -c 1-500 | sed 's/^/line=/'
rm -rf "$dir"
