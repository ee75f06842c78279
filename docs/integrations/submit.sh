#!/bin/sh
# submit.sh PROFILE FILE LABEL: share a file's SHA-256 with openssl and `buf curl`; prints the index of its leaf.
# The bytes are those of docs/formats/statement.md. Run it at the top of a checkout, with the files channel.key
# and channel.crt of docs/integrations/other-languages.md.
set -eu
profile=$1 file=$2 label=$3
of_profile() { sed -n "s/^$1 = \"\([^\"]*\)\".*/\1/p" "$profile/profile.toml"; }
sha256() { openssl dgst -sha256 -binary; }
hex() { od -An -v -tx1 | tr -d ' \n'; }
base64_line() { openssl base64 -A; }

member=$(of_profile member) name=$(of_profile key)
address=${HASHPACT_ADDRESS:-$(of_profile address)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The passphrase is looked at only if the key is encrypted.
export HASHPACT_PASSPHRASE="${HASHPACT_PASSPHRASE:-}"
openssl pkey -in "$profile/member-$name.key" -passin env:HASHPACT_PASSPHRASE -out "$work/key"
openssl pkey -in "$work/key" -pubout -outform DER | tail -c 32 >"$work/public"

cat >"$work/private" <<END
hashpact/private/v1
type sha256/1
value $(sha256 <"$file" | hex)
nonce $(openssl rand -hex 32)
END
cat >"$work/text" <<END
hashpact/statement/v1
log $(of_profile origin)
kind submit
member $member
key $({ printf '\001' && cat "$work/public"; } | sha256 | hex)
request $(openssl rand -hex 16)
time $(date +%s)
label $label
basis guideline
removed $(date +%s)
item $(sha256 <"$work/private" | hex)
END
# The C2SP signed note: the text, an empty line, and a signature line with the key's 4-byte id.
{ printf '%s/%s\n\001' "$member" "$name" && cat "$work/public"; } | sha256 | head -c 4 >"$work/signed"
openssl pkeyutl -sign -inkey "$work/key" -rawin -in "$work/text" >>"$work/signed"
{ cat "$work/text" && printf '\n\342\200\224 %s/%s %s\n' "$member" "$name" "$(base64_line <"$work/signed")"; } >"$work/statement"

buf curl --schema proto --protocol grpc --cert channel.crt --key channel.key --cacert "$profile/ca.crt" \
  --data "{\"statement\": \"$(base64_line <"$work/statement")\", \"private\": [\"$(base64_line <"$work/private")\"]}" \
  "https://$address/hashpact.wire.v1.LogService/Append" | sed -n 's/^ *"index": "\(.*\)".*/\1/p'
