# shellcheck shell=sh
# of_us <identity file> <journals> <command> [<argument>...]
#
# Runs a command, unless the lock for this host is not our lock: the identity file names a journal that is not in the
# list <journals>. Then a run of another inventory may be at work here, and this script fails. The list contains the hosts
# of our inventory by name and by address, and the URL of our journal if it is in S3.
file=$1 journals=$2
shift 2
if [ -e "$file" ]; then
    journal=$(sed -n 's/^journal //p' "$file") address=$(sed -n 's/^address //p' "$file")
    case " $journals " in *" $journal "* | *" ${address:-$journal} "*) ;;
    *)
        echo "another inventory has its lock on $journal" >&2
        exit 1
        ;;
    esac
fi
exec "$@"
