# shellcheck shell=sh
# units_of <app>: prints the file names of the systemd units that provisioning wrote for an application.
#
# The file name does not show the application: `shop-blue-fpm.service` belongs to `shop`, but `shop-blue-green.target`
# belongs to `shop-blue`. Therefore the function reads the description of each unit, which names the application before a colon,
# before a color, or after `of`. Behind the colon, there may be a service, worker or schedule with the name of the application.
units_of() {
    for file in /etc/systemd/system/"$1"-*; do
        if [ -f "$file" ] && [ ! -L "$file" ] && head -n 1 "$file" | grep -q '^# Written by provisioning' &&
            grep -qE "^Description=($1(:|( blue| green)?(:|\$))|[A-Z][a-z ]* of $1( |\$))" "$file"; then
            echo "${file##*/}"
        fi
    done
}
