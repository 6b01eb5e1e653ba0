# shellcheck shell=sh
set -eu
root=$1
dir=$root/guard
if [ -e "$dir/armed" ]; then
    rm -f "$dir/armed" "$root/live.armed"
    { grep -v -e '^outcome=' -e '^instant=' "$dir/fired" || true; date +outcome=disarmed%ninstant=%s.%N; } \
        >"$dir/fired.new"
    mv -fT "$dir/fired.new" "$dir/fired"
fi
