# shellcheck shell=sh
# Permits the public keys from standard input to log in as this user, whose home directory is $home. Runs as this user.
umask 077
home=$1
file=$home/.ssh/authorized_keys
mkdir -p "$home/.ssh" && chmod 700 "$home/.ssh" || exit
if [ -s "$file" ] && [ -n "$(tail -c 1 "$file")" ]; then echo >>"$file" || exit; fi
cat >>"$file" && chmod 600 "$file"
