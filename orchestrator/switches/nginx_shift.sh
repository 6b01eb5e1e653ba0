# shellcheck shell=sh
# Sets green's weight.
. nginx_weigh.sh

set -eu
weight=$1
weigh "$weight"
mv -T "$link.new" "$link"
