"""Tiles: which there are, where they are served, and what is in them."""

from __future__ import annotations

import pytest
from builders import seeded
from trees import Oracle

from hashpact.errors import InvalidInputError, MalformedError
from hashpact.log import tiles, tree
from hashpact.log.tiles import Tile

ORACLE = Oracle([tree.leaf_hash(b"%d" % number) for number in range(600)])


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(0, 1234067, 5), "tile/0/x001/x234/067.p/5"),
        (Tile(None, 999), "tile/entries/999"),
        (Tile(None, 1000, 255), "tile/entries/x001/000.p/255"),
        (Tile(7, 0, 1), "tile/7/000.p/1"),
        (Tile(0, 2**55 - 2), "tile/0/x036/x028/x797/x018/x963/966"),
    ],
)
def test_the_paths_of_the_specification(tile: Tile, path: str) -> None:
    assert tile.path == path
    assert tiles.parse_path(path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "",
        "checkpoint",
        "/tile/0/000",
        "tile/0/000/",
        "tile/0/000\n",
        "tile/00/000",
        "tile/8/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/data/000",
        "tile/0/0",
        "tile/0/1000",
        "tile/0/x000/001",
        "tile/0/001/x234",
        "tile/0/x001/x234",
        "tile/0/x001",
        "tile/0/000.p/0",
        "tile/0/000.p/05",
        "tile/0/000.p/256",
        "tile/0/000.p/300",
        "tile/0/000.p/",
        "tile/0/000.p",
        "tile/0/../000",
        "tile/0/x001/x234/x567/x890/x123/x456/789",
        "tile/0/x036/x028/x797/x018/x963/968",
        "tile/7/001",
        "tile/0/\u0661\u0661\u0661",
    ],
)
def test_what_is_not_the_one_path_of_a_tile_is_refused(path: str) -> None:
    with pytest.raises(InvalidInputError):
        tiles.parse_path(path)


def test_the_tiles_of_the_specifications_examples() -> None:
    found = list(tiles.tiles(70_000))
    assert [tile for tile in found if tile.level == 0] == [
        *(Tile(0, number) for number in range(273)),
        Tile(0, 273, 112),
    ]
    assert found[274:] == [Tile(1, 0), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert list(tiles.tiles(256)) == [Tile(0, 0), Tile(1, 0, 1)]
    assert list(tiles.tiles(0)) == list(tiles.entries(0)) == []
    assert list(tiles.entries(513)) == [Tile(None, 0), Tile(None, 1), Tile(None, 2, 1)]


@pytest.mark.parametrize("since", [0, 1, 255, 256, 257, 511, 512, 65535, 65536, 65537])
@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 512, 513, 65536, 65792, 65793, 131072])
def test_a_grown_log_writes_only_what_it_did_not_have(size: int, since: int) -> None:
    assert set(tiles.tiles(size, since)) == (
        set(tiles.tiles(size)) - set(tiles.tiles(since)) if size >= since else set()
    )
    assert set(tiles.entries(size, since)) == (
        set(tiles.entries(size)) - set(tiles.entries(since)) if size >= since else set()
    )


def test_a_hash_tile_has_the_hashes_of_its_level() -> None:
    first = tiles.hashes(Tile(0, 2, 88), ORACLE.node)
    assert first == b"".join(ORACLE.hashes[512:600])
    assert tiles.parse_hashes(Tile(0, 2, 88), first) == tuple(ORACLE.hashes[512:600])
    second = tiles.hashes(Tile(1, 0, 2), ORACLE.node)
    assert second == ORACLE.root(0, 256) + ORACLE.root(256, 512)
    with pytest.raises(InvalidInputError):
        tiles.hashes(Tile(None, 0), ORACLE.node)


@pytest.mark.parametrize("size", [0, 31, 32, 63, 65, 96])
def test_a_hash_tile_of_another_width_is_refused(size: int) -> None:
    with pytest.raises(MalformedError):
        tiles.parse_hashes(Tile(0, 0, 2), bytes(size))


def test_an_entry_tile_has_the_leaves() -> None:
    leaves = (b"", b"a", seeded("leaf", 300), bytes(65535))
    data = tiles.encode_entries(leaves)
    assert data[:8] == b"\0\0\0\1a\x01\x2c" + seeded("leaf", 300)[:1]
    assert tiles.parse_entries(Tile(None, 0, 4), data) == leaves
    with pytest.raises(MalformedError, match="65536 bytes"):
        tiles.encode_entries([bytes(65536)])


@pytest.mark.parametrize(
    "data",
    [b"", b"\0", b"\0\1", b"\0\1a", b"\0\1a\0", b"\0\1a\0\2b", b"\0\1a\0\1b\0", b"\0\1a\0\1b\0\0"],
)
def test_an_entry_tile_of_another_shape_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        tiles.parse_entries(Tile(None, 0, 2), data)
