# shellcheck shell=sh
. ../scripts/note.sh

# run_workers <root> <color> <program> [name...]: starts the missing processes of the workers that the color's release has. If
# there are names, the function starts only these workers.
run_workers() {
    run_root=$1 run_color=$2 run_program=$3
    shift 3
    for file in "$run_root/$run_color/release/.release/stack/worker-"*; do
        [ -e "$file" ] || continue
        worker=${file##*/worker-}
        if [ $# -gt 0 ]; then
            case " $* " in *" $worker "*) ;; *) continue ;; esac
        fi
        read -r count <"${file%/*}/count-$worker" || return
        sudo -n "$run_program" start "$run_color" "$worker" "$count" || return
    done
}

# hold_workers <root> <color>: notes the color whose workers run. At boot, this color's workers start.
hold_workers() {
    note "$1" workers "$2"
}
