# shellcheck shell=sh
# Prints the libraries beside this one that were provisioned before each had a program `ssh` of its own.
library=$1
for other in "${library%/*}"/*; do
    [ "$other" = "$library" ] || [ ! -e "$other/own" ] || [ -e "$other/ssh" ] || echo "$other"
done
