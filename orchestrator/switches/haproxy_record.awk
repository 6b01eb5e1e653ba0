# Fields of a line in the ring: time of the end (ms), backend, status, termination state, TR, Tw, Tc, Tr, Ta (ms), whether
# it was a preview ("-" if not; previews were not distributed at random), end mark.
#
# The wait is the color's part: queue, connecting, response (Tw + Tc + Tr). Without an answer it is the time since the
# client's request was complete (Ta - TR). Termination state C means that the client left; if it left before the answer,
# Tr is negative.
#
# An overflowed ring is full (each line takes 2 more bytes), and its oldest line is the oldest that is left. The ring of
# a restarted HAProxy lacks the lines from before the restart.

NF {
    bytes += length($0) + 2
    if (!oldest) oldest = $1 / 1000
    if (NF < 9) { unread++; next }
    if ($2 != blue && $2 != green) next
    if ($11 != ";") { unread++; next }
    if ($10 != "-") next
    wait = $8 >= 0 ? ($6 > 0 ? $6 : 0) + ($7 > 0 ? $7 : 0) + $8 : $9 - $5
    if ($5 < 0) next
    seen($2 == blue ? "blue" : "green", $1 / 1000, $9 / 1000, $3, wait, $8 < 0 && $4 ~ /^C/)
}
END { told(now - up < begin && (oldest <= begin || bytes < size - 1024)) }
