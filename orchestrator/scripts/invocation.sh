# shellcheck shell=sh
# These functions ask systemd for the states of several units with one process.

# units <unit>...: asks systemd. Afterwards, each call of `unit` returns the state of the next of these units.
units() {
    exec 3<<units
$(systemctl show -p ActiveState -p MainPID -p InvocationID "$@" 2>/dev/null)
units
}

# unit: sets $active to the state of the next unit, $pid to its main process (0: none), and $start to the id that systemd
# gave to its present start. If systemd does not answer, the three are empty.
# shellcheck disable=SC2034 # the script that includes this uses them
unit() {
    active='' pid='' start=''
    while IFS= read -r line <&3 && [ -n "$line" ]; do
        case $line in
        ActiveState=*) active=${line#*=} ;;
        MainPID=*) pid=${line#*=} ;;
        InvocationID=*) start=${line#*=} ;;
        esac
    done
}

# is_active <state>: whether systemd calls a unit with this state active.
is_active() { case $1 in active | reloading | refreshing) ;; *) return 1 ;; esac }

# invocation: the next two units must be <app>-<color>-fpm.service and <app>-<color>.target. Sets $invocation to the id
# that systemd gave to the present start of the color's PHP-FPM. If the color has no active PHP-FPM, this is the id of the
# target. After each restart and each reboot, the id is another one. If the id is unknown, $invocation is empty. Sets
# $active to the target's state.
# shellcheck disable=SC2034 # the script that includes this uses it
invocation() {
    unit
    fpm=$active invocation=$start
    unit
    is_active "$fpm" || invocation=$start
}
