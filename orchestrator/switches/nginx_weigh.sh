# shellcheck shell=sh
: "${link:?}" "${weights:?}"

# weigh <weight>: makes a new symlink that gives green this weight, in the directory of the present symlink. Fails if
# the directory for this weight is missing, or if nginx is not running.
weigh() {
    [ -d "$weights/$1" ] || { echo "there is no directory $weights/$1: run deploys/provision.py" >&2; exit 1; }
    [ "$(systemctl is-active nginx)" = active ] || { echo "nginx is not running" >&2; exit 1; }
    ln -sfT "weights/$1" "$link.new"
}
