# shellcheck shell=sh
# Prints $mark, and then becomes the program with which sshd serves SFTP.
for program in /usr/lib/openssh/sftp-server /usr/libexec/openssh/sftp-server /usr/lib/ssh/sftp-server \
    /usr/libexec/sftp-server; do
    if [ -x "$program" ]; then
        printf '\n%s\n' "${mark:?}"
        exec "$program"
    fi
done
