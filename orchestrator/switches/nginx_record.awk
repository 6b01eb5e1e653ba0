# Fields of a line: time of the end, color, status, total time, then two lists with one element a try: time until the
# answer began, time until it ended.
#
# The wait is the color's part: the whole time of all tries but the last, and the last one's time until the answer began.
# If the answer never began and the status is no 5xx, the client left (499, or 400 if it left while sending).

$1 == "cut" { cut = $2; next }
NF == 6 && $6 == "-" { next }
NF != 6 || ($2 != blue && $2 != green) { unread++; next }
{
    gsub(/ : /, ", ", $5); gsub(/ : /, ", ", $6)
    n = split($6, tries, ", "); split($5, heads, ", ")
    sum = 0
    for (i = 1; i < n; i++) sum += tries[i]
    began = heads[n] != "-" && heads[n] != ""
    # a thousandth more, so that 0.007 s is not 6.999 ms
    wait = 1000 * (sum + (began ? heads[n] : tries[n])) + 0.001
    seen($2 == blue ? "blue" : "green", $1, $4, $3, wait, !began && $3 < 500)
}
END { told(cut < begin) }
