# shellcheck shell=sh
# Prints how many certificates and private keys two files contain. If openssl is installed, the script also prints whether
# the key belongs to the certificate.
certificate=$1 key=$2
[ ! -f "$certificate" ] || echo "certificates=$(grep -c "^-----BEGIN CERTIFICATE-----" "$certificate")"
[ ! -f "$key" ] || echo "keys=$(grep -cE "^-----BEGIN ([A-Z]+ )?PRIVATE KEY-----" "$key")"
if public=$(openssl x509 -in "$certificate" -noout -pubkey 2>/dev/null) && [ -f "$key" ]; then
    if [ "$(openssl pkey -in "$key" -passin pass: -pubout 2>/dev/null)" = "$public" ]; then
        echo match=yes
    else
        echo match=no
    fi
fi
