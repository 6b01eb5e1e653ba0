# Counts requests. seen() counts one request, and told() prints the sums. `ended` is in epoch seconds, `took` is in
# seconds, and `wait` is in milliseconds.
#
# A request belongs to the window in which the request ended, so each request is counted once. A request that began
# before `since` (under other weights) is not counted, because perhaps only one color could get requests at that time.

function seen(color, ended, took, status, wait, left,   n) {
    if (ended < begin || ended >= end || ended - took < since) return
    n = wait < exact ? int(wait) : exact + int(log(wait / exact) / log(growth))
    times[color, n]++
    if (n > top) top = n
    if (left) { gone[color]++; return }
    requests[color]++
    if (status >= 500 || status < 100) errors[color]++
}

function told(complete,   i, c, n, text) {
    split("blue green", colors, " ")
    for (i = 1; i <= 2; i++) {
        c = colors[i]
        text = ""
        for (n = 0; n <= top; n++) if ((c, n) in times) text = text " " n ":" times[c, n]
        print c "=" requests[c] + 0, errors[c] + 0, gone[c] + 0 text
    }
    printf "begin=%.3f\nend=%.3f\ncomplete=%s\n", begin, end, complete ? "yes" : "no"
    printf "lines=%d\nunread=%d\n", NR, unread
}
