# shellcheck shell=sh
# Prints the digests of the settings that provisioning applied, from the file $provisioned. For each setting, the script
# prints one line: set.<key>=<digest>
sed -n 's/^\([^# ][^ ]*\) \([^ ]*\)$/set.\1=\2/p' "${provisioned:?}" 2>/dev/null
