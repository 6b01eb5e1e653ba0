# shellcheck shell=sh
# Prints the firewall of an application as the file $path has it, and then as the kernel has it. Lines of the output:
#
#   ports <port>, <port>       the ports that the file protects; no line if there is no file
#   placed <ip> <who>          an address that the file allows, and to whom it belongs
#   kernel                     the rest is the application's table of the kernel; nothing if the kernel has no such table
table=$1 path=$2
nft=/usr/sbin/nft
sed -n 's/^# allowed /placed /p; s/^.*tcp dport { \(.*\) } tcp flags .*/ports \1/p' "$path" 2>/dev/null
echo kernel
[ ! -x "$nft" ] || "$nft" --numeric list table inet "$table" 2>/dev/null || :
