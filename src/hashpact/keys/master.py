"""Master keys: 32 secret bytes in a file, from which the keys of what lies on this machine are derived.

The file is an X25519 private key in PEM, under the passphrase of the other keys beside it; only its 32 bytes
are used.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from hashpact.durable import alone, read_private
from hashpact.errors import ConfigError
from hashpact.keys import pkcs8
from hashpact.keys.passphrase import Passphrases

_MAX_FILE: Final = 64 * 1024


def master_key(
    file: Path, passphrases: Passphrases, *, unencrypted: bool, opens: Iterable[Path] = ()
) -> bytes:
    """The 32 bytes of the key in a file, which is made if there is none.

    Raises ConfigError if it cannot be read or opened, if a new one needs a passphrase and there is none, or
    if it is missing and one of the files is there that only this key ``opens``.
    """
    with alone(file.parent, wait=True):
        if not file.exists():
            if (sealed := next((path for path in opens if path.exists()), None)) is not None:
                msg = f"{file} is missing, and no other key opens {sealed}: restore it, or move that away"
                raise ConfigError(msg)
            passphrase = passphrases.for_new_keys(unencrypted=unencrypted, as_before=True)
            pkcs8.write_key(file, pkcs8.to_pem(X25519PrivateKey.generate()), passphrase)
    pem = pkcs8.decrypt(read_private(file, _MAX_FILE), str(file), passphrases)
    key = load_pem_private_key(pem, None)
    if not isinstance(key, X25519PrivateKey):
        msg = f"{file} is not an X25519 key"
        raise ConfigError(msg)
    return key.private_bytes_raw()
