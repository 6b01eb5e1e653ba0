# shellcheck shell=sh
# Checks that nginx would accept a new weight: makes a symlink with the new weight in the directory of the present
# symlink.
: "${record:?}"
. nginx_weigh.sh

set -eu
weight=$1
weigh "$weight"
# while one color has all traffic, nginx records nothing, so the lines in the record are from an earlier release
case $(readlink "$link") in weights/0 | weights/100) [ ! -w "$record" ] || : >"$record" ;; esac
