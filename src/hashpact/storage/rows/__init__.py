"""Records as rows: how each is put, and the view that reads them back.

A list of words has a line for each. A list of hashes or keys, all of 32 bytes, is one blob.
"""

from __future__ import annotations

from hashpact.storage.rows.columns import HASH_SIZE, LEAF, hashes
from hashpact.storage.rows.reading import decoded, leaf_of
from hashpact.storage.rows.view import RowView
from hashpact.storage.rows.writing import put, put_all

__all__ = ["HASH_SIZE", "LEAF", "RowView", "decoded", "hashes", "leaf_of", "put", "put_all"]
