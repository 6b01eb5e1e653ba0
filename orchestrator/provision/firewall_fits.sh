# shellcheck shell=sh
# Prints "yes" if the kernel has the firewall of the file $path, and loads it at boot. If the file does not exist, prints
# "yes" if the kernel has no firewall of the application, and nothing is left of one. Otherwise prints "no".
table=$1 path=$2 stamp=$3 unit=$4
nft=/usr/sbin/nft
has_table() { [ -x "$nft" ] && "$nft" list table inet "$table" >/dev/null 2>&1; }
if [ -e "$path" ]; then
    if has_table && grep -qxF -e "$(sha256sum -- "$path")" "$stamp" 2>/dev/null && systemctl is-enabled --quiet "$unit" &&
        systemctl is-active --quiet "$unit"; then
        echo yes
        exit
    fi
elif ! has_table && [ ! -e "$stamp" ] && [ ! -L "/etc/systemd/system/multi-user.target.wants/$unit" ]; then
    echo yes
    exit
fi
echo no
