"""Mirrors: a ledger's signed log as static files in a directory."""

from __future__ import annotations

from pathlib import Path

from hashpact.domain.ports import Log
from hashpact.log import tiles
from hashpact.service.prove import tile_of


def mirror(log: Log, directory: Path) -> Path:
    """Write the newest checkpoint and every tile of its tree below a directory."""
    latest = log.checkpoints.latest()
    assert latest is not None
    for tile in (*tiles.tiles(latest.size), *tiles.entries(latest.size)):
        path = directory / tile.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(tile_of(log, tile))
    (directory / tiles.CHECKPOINT).write_bytes(latest.note)
    return directory
