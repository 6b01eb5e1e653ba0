# shellcheck shell=sh
# Loads the firewall of an application from the file $path, and lets it load at boot. If the file does not exist, removes the
# firewall. If the file was loaded, $stamp has its checksum.
table=$1 path=$2 stamp=$3 unit=$4
nft=/usr/sbin/nft
if [ -e "$path" ]; then
    sums=$(sha256sum -- "$path") || exit
    systemctl enable --quiet "$unit" || exit
    systemctl reload-or-restart "$unit" || {
        journalctl --unit "$unit" --lines 4 --output cat --no-pager >&2
        exit 1
    }
    "$nft" list table inet "$table" >/dev/null || exit
    echo "$sums" >"$stamp"
    exit
fi
systemctl stop "$unit" 2>/dev/null
# the unit file is gone, so systemctl may be unable to disable the unit
rm -f "/etc/systemd/system/multi-user.target.wants/$unit" "$stamp"
if [ -x "$nft" ] && "$nft" list table inet "$table" >/dev/null 2>&1; then
    "$nft" delete table inet "$table" || exit
fi
systemctl daemon-reload
