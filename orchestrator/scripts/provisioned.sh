# shellcheck shell=sh
# Prints what provisioning left in the file $provisioned, one line for each value: set.<key>=<digest>
sed -n 's/^\([^# ][^ ]*\) \([^ ]*\)$/set.\1=\2/p' "${provisioned:?}" 2>/dev/null
