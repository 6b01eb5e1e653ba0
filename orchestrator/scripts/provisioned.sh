# shellcheck shell=sh
# Prints the digests of the settings that provisioning applied, from the file $provisioned. For each setting, the script
# prints one line: set.<key>=<digest>. Then prints the identity of the inventory that provisioned this host, from the file
# `inventory` in the same directory: of.<key>=<value>
sed -n 's/^\([^# ][^ ]*\) \([^ ]*\)$/set.\1=\2/p' "${provisioned:?}" 2>/dev/null
sed -n 's/^\([a-z]*\) \(.*\)$/of.\1=\2/p' "${provisioned%/*}/inventory" 2>/dev/null
