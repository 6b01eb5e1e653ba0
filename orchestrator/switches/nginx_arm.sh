# shellcheck shell=sh
# Proves that nginx would take a weight, and makes ready for it.
: "${record:?}"
. nginx_weigh.sh

set -eu
weight=$1
weigh "$weight"
# while one color has all traffic nothing is recorded, so the record holds lines of an earlier release
case $(readlink "$link") in weights/0 | weights/100) [ ! -w "$record" ] || : >"$record" ;; esac
