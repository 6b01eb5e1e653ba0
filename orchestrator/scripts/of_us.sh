# shellcheck shell=sh
# of_us <identity file> <journals>: whether this host belongs to our inventory. The host belongs to another inventory if
# its identity file names a journal that is not in the list <journals>. Then a run of the other inventory may be at work
# here, so the function prints an error message, and the caller must not run its command. The list has the names and the
# addresses of the hosts in our inventory, and the URL of our journal if the journal is in S3.
of_us() {
    [ -e "$1" ] || return 0
    journal='' address=''
    while IFS= read -r line || [ -n "$line" ]; do
        case $line in
        'journal '*) journal=${line#journal } ;;
        'address '*) address=${line#address } ;;
        esac
    done <"$1"
    case " $2 " in *" $journal "* | *" ${address:-$journal} "*) return 0 ;; esac
    echo "another inventory has its lock on $journal" >&2
    return 1
}
