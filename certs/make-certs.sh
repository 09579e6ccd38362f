#!/bin/sh
# A certificate authority for development and tests, and certificates signed by it:
#   certs/make-certs.sh DIR server NAME_OR_IP...   DIR/server.crt, DIR/server.key; the names it answers to
#   certs/make-certs.sh DIR client NAME            DIR/client-NAME.crt, DIR/client-NAME.key
# DIR/ca.crt and DIR/ca.key are made where they are absent, and kept otherwise. EC P-256; not for production.
set -eu

usage() {
    sed -n '2,5s/^# \{0,1\}//p' "$0" >&2
    exit 2
}
[ $# -ge 3 ] || usage
dir=$1 kind=$2
shift 2
mkdir -p "$dir"
umask 077

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
quietly() { "$@" 2>"$work/log" || { cat "$work/log" >&2; exit 1; }; }
new_key() { quietly openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"; }

if [ ! -f "$dir/ca.key" ] || [ ! -f "$dir/ca.crt" ]; then
    new_key "$dir/ca.key"
    quietly openssl req -x509 -new -key "$dir/ca.key" -sha256 -days 3650 -subj "/CN=wsvirt development CA" \
        -addext "basicConstraints=critical,CA:TRUE,pathlen:0" -addext "keyUsage=critical,keyCertSign,cRLSign" \
        -out "$dir/ca.crt"
fi

names=
case $kind in
server)
    file=$dir/server usage_of_key=serverAuth
    for name in "$@"; do
        case $name in
        *:*) entry=IP:$name ;;
        *[!0-9.]*) entry=DNS:$name ;;
        *) entry=IP:$name ;;
        esac
        names=${names:+$names,}$entry
    done
    ;;
client)
    [ $# = 1 ] || usage
    file=$dir/client-$1 usage_of_key=clientAuth names=DNS:$1
    ;;
*) usage ;;
esac

new_key "$file.key"
quietly openssl req -new -key "$file.key" -subj "/CN=$1" -out "$work/request"
cat >"$work/extensions" <<END
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=$usage_of_key
subjectAltName=$names
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
END
quietly openssl x509 -req -in "$work/request" -CA "$dir/ca.crt" -CAkey "$dir/ca.key" -sha256 -days 825 \
    -set_serial "0x$(openssl rand -hex 16)" -extfile "$work/extensions" -out "$file.crt"
chmod 644 "$dir/ca.crt" "$file.crt"
echo "$file.crt"
