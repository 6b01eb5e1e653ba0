# shellcheck shell=sh
# Prints the digests of the settings that provisioning applied, from the file $provisioned. For each setting, the script
# prints one line: set.<key>=<digest>. Then prints the identity of the inventory that provisioned this host, from the file
# `inventory` in the same directory: of.<key>=<value>
while IFS= read -r line || [ -n "$line" ]; do
    case $line in
    '#'* | ' '* | *' '*' '*) ;; # not a key and a digest
    *' '*) printf 'set.%s=%s\n' "${line%% *}" "${line#* }" ;;
    esac
done 2>/dev/null <"${provisioned:?}"
while IFS= read -r line || [ -n "$line" ]; do
    case $line in
    *' '*) case ${line%% *} in *[!a-z]*) ;; *) printf 'of.%s=%s\n' "${line%% *}" "${line#* }" ;; esac ;;
    esac
done 2>/dev/null <"${provisioned%/*}/inventory"
