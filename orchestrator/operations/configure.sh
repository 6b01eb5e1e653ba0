# shellcheck shell=sh
# Writes the configuration files of a release. The standard input has the files, as a tar archive in base64. After
# writing the files, the script runs the program $check as the user $web, to check the files. If the release already has
# exactly these files, the script writes nothing. The check starts PHP-FPM and nginx several times. Therefore the script
# notes in the file `checked` that a check succeeded. If the same programs, as the same user, have already checked the
# same files for this release or for the release of a color, the script leaves out the check.
. ../scripts/absent.sh
. ../scripts/inside.sh

set -eu
umask 022
root=$1 id=$2 check=$3 web=$4 include=$5 from=$6
cd -P "$root/releases/$id"
new=.release/stack.new
absent "$new"
mkdir -p "$new"
trap 'absent "$root/releases/$id/.release/stack.new"' EXIT
base64 -d | tar -x -C "$new"
[ -e "$new/nginx-blue.conf" ] || { echo "the configuration did not arrive" >&2; exit 1; }
if [ -n "$include" ]; then
    inside "$PWD" web.include "$include" "choose a file of the release"
    [ -f "$include" ] || { echo "web.include: the release has no file $include" >&2; exit 1; }
    # copy the text without the mode of the file, because the web user must be able to read the copy
    cat "$include" >"$new/own.conf"
fi
same() { # same <directory>: whether the directory has exactly the new files
    [ -d "$1" ] && diff -r --no-dereference "$1" "$new" >/dev/null
}
if [ -n "$from" ] && ! same "../$from/.release/stack"; then
    echo "the configuration of nginx, PHP-FPM or a service differs from the configuration of $from: use deploys/release.py" >&2
    exit 1
fi
if ! same .release/stack; then
    absent .release/checked
    absent .release/stack
    mv -T "$new" .release/stack
fi
[ -n "$check" ] || exit 0
programs=$web$(stat -L --printf=' %n %i %Z %s' "$check" /usr/sbin/nginx /usr/sbin/php-fpm* 2>/dev/null) || true
checked() { # checked <directory of a release>: whether the same programs have checked the same files there
    known=
    [ ! -f "$1/.release/checked" ] || read -r known <"$1/.release/checked"
    [ "$known" = "$programs" ] &&
        { [ "$1" = . ] || diff -r --no-dereference "$1/.release/stack" .release/stack >/dev/null; }
}
if [ -n "$include" ]; then
    : # the file may include other files, which this script does not know
elif checked .; then
    exit 0
elif checked "$root/blue/release" || checked "$root/green/release"; then
    printf '%s\n' "$programs" >.release/checked
    exit 0
fi
said=$(sudo -n -u "$web" "$check" "$id" 2>&1) || {
    echo "the configuration of release $id is refused: ${said:-$check printed nothing}" >&2
    exit 1
}
[ -n "$include" ] || printf '%s\n' "$programs" >.release/checked
