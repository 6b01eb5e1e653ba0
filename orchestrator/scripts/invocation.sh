# shellcheck shell=sh
# invocation <app>-<color>: prints the id that systemd gave to the present start of the color's PHP-FPM, or of the color
# if it has no PHP-FPM. After each restart and each reboot, the id is another one. Prints nothing if the id is unknown.
invocation() {
    unit=$1-fpm.service
    systemctl is-active -q "$unit" 2>/dev/null || unit=$1.target
    systemctl show -p InvocationID --value "$unit" 2>/dev/null || true
}
