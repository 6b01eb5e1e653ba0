# shellcheck shell=sh
# units_of <app>: prints the file names of the systemd units that provisioning wrote for an application.
#
# A name alone does not tell: `shop-blue-fpm.service` is a unit of `shop`, `shop-blue-green.target` one of `shop-blue`.
# Each unit that provisioning writes names the application as a word of its description.
units_of() {
    for file in /etc/systemd/system/"$1"-*; do
        if [ -f "$file" ] && [ ! -L "$file" ] && head -n 1 "$file" | grep -q '^# Written by provisioning' &&
            grep -qE "^Description=(.* )?$1([ :]|\$)" "$file"; then
            echo "${file##*/}"
        fi
    done
}
