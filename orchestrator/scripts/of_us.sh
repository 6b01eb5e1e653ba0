# shellcheck shell=sh
# of_us <identity file> <journals> <command> [<argument>...]
#
# Runs a command if this host belongs to our inventory. The host belongs to another inventory if its identity file names
# a journal that is not in the list <journals>. Then a run of the other inventory may be at work here, so this script
# fails and does not run the command. The list has the names and the addresses of the hosts in our inventory, and the URL
# of our journal if the journal is in S3.
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
