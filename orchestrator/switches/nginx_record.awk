# Fields of a line: time of the end, backend, status, total time, then two lists with one element for each try: time
# until the answer began, time until the answer ended. nginx makes a further try if a node fails.
#
# The wait is the color's part of the response time: the whole time of all tries except the last, plus the time until the
# answer to the last try began. If the answer never began and the status is no 5xx, the client left (status 499, or 400 if
# the client left while sending the request).

$1 == "cut" { cut = $2; next }
NF == 6 && $6 == "-" { next }
NF != 6 || ($2 != blue && $2 != green) { unread++; next }
{
    gsub(/ : /, ", ", $5); gsub(/ : /, ", ", $6)
    n = split($6, tries, ", "); split($5, heads, ", ")
    sum = 0
    for (i = 1; i < n; i++) sum += tries[i]
    began = heads[n] != "-" && heads[n] != ""
    # add a thousandth of a millisecond, so that 0.007 s does not become 6.999 ms
    wait = 1000 * (sum + (began ? heads[n] : tries[n])) + 0.001
    seen($2 == blue ? "blue" : "green", $1, $4, $3, wait, !began && $3 < 500)
}
END { told(cut < begin) }
