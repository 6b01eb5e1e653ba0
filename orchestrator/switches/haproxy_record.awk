# Fields of a line in the ring, HAProxy's record of requests: time of the end (ms), backend, status, termination state,
# TR, Tw, Tc, Tr, Ta (ms), whether the request was a preview ("-" if not), end mark. Previews are not counted, because
# they are not distributed at random.
#
# The wait is the color's part of the response time: queue, connecting, response (Tw + Tc + Tr). If there was no answer,
# the wait is the time since the client's request was complete (Ta - TR). Termination state C means that the client
# left. If the client left before the answer, Tr is negative.
#
# If the ring is full, it may have overflowed: then the lines older than its oldest line are lost. To find out whether the
# ring is full, the script adds up the lengths of all lines, and 2 more bytes for each line. After a restart of HAProxy, the
# ring lacks the lines from before the restart.

NF {
    bytes += length($0) + 2
    # HAProxy before 2.4 writes that the frontend has started
    if ($1 == "Proxy" && NF < 9) next
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
