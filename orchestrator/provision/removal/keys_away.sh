# shellcheck shell=sh
# Removes the public keys from standard input from the keys that may log in as this user.
umask 077
file=$HOME/.ssh/authorized_keys
[ -e "$file" ] || exit 0
grep -vxFf - "$file" >"$file.new"
if grep -q "[^[:space:]]" "$file.new"; then
    mv -fT "$file.new" "$file"
else
    rm -f "$file.new" "$file"
fi
