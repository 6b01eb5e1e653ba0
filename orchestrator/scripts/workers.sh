# shellcheck shell=sh
# workers <root> <app>: asks systemd for the processes of the workers of both colors. Sets $workers to words of the form
# <color>/<name>/<number>/<state>/<sub state>/<process id>/<restarts>/<seconds>/<result>/<release>: <seconds> have passed since
# a process was told to end (0 if it was not told). A schedule has the form of a process of the color `schedule` with the
# number 0, and <seconds> have passed since its command began (0 if the command does not run). Sets $expected to words
# <color>/<name>/<count>: the workers that the releases of the colors have. Without workers and schedules, no program is started.
workers() {
    workers='' expected=''
    root=$1 app=$2
    set --
    for color in blue green; do
        for file in "/etc/systemd/system/$app-$color-"*@.service; do
            name=${file##*/"$app-$color-"}
            # skip `*` (there is no unit), and the units of another application, whose name ends with a color
            case $name in '*'* | blue-* | green-*) continue ;; esac
            set -- "$@" "$app-$color-${name%@.service}@*.service"
        done
        for file in "$root/$color/release/.release/stack/worker-"*; do
            [ -e "$file" ] || continue
            lines "${file%/*}/count-${file##*/worker-}"
            expected="$expected$color/${file##*/worker-}/$first "
        done
    done
    for file in "/etc/systemd/system/$app-schedule-"*.timer; do
        name=${file##*/"$app-schedule-"}
        # skip `*` (there is no unit), and the units of another application, whose name ends with `-schedule`
        case $name in '*'* | blue-* | green-* | trim.*) continue ;; esac
        set -- "$@" "$app-schedule-${name%.timer}.service"
    done
    [ $# != 0 ] || return 0
    read -r uptime _ </proc/uptime
    found=$(systemctl show -p Id -p ActiveState -p SubState -p MainPID -p NRestarts -p Result \
        -p ActiveExitTimestampMonotonic -p InactiveExitTimestampMonotonic "$@" 2>/dev/null | awk -F= -v now="$uptime" -v app="$app" '
        function unit() {
            if (said["Id"] != "") {
                id = substr(said["Id"], length(app) + 2)
                color = id; sub(/-.*/, "", color)
                name = substr(id, length(color) + 2); sub(/@.*/, "", name)
                number = id; sub(/^.*@/, "", number); sub(/\.service$/, "", number)
                told = said["ActiveState"] == "deactivating" ? now - said["ActiveExitTimestampMonotonic"] / 1000000 : 0
                if (color == "schedule") {
                    number = 0; sub(/\.service$/, "", name)
                    runs = said["ActiveState"] ~ /activating/
                    told = runs ? now - said["InactiveExitTimestampMonotonic"] / 1000000 : 0
                }
                printf "%s/%s/%s/%s/%s/%s/%s/%d/%s\n", color, name, number, said["ActiveState"], said["SubState"],
                    said["MainPID"], said["NRestarts"], told < 0 ? 0 : told, said["Result"]
            }
            split("", said)
        }
        NF > 1 { said[$1] = $2 }
        /^$/ { unit() }
        END { unit() }')
    for word in $found; do
        name=${word#*/}
        number=${name#*/}
        # the user of the worker made this file, and may have put anything in its place
        file=/run/orchestrator/$app-${word%%/*}-${name%%/*}@${number%%/*}/release
        case $word in schedule/*) file=${file%@0/*}/release ;; esac
        first=''
        [ ! -f "$file" ] || lines "$file"
        case $first in *[!A-Za-z0-9._-]*) first='' ;; esac
        workers="$workers$word/$first "
    done
}
