"""Starting from a snapshot: its messages are taken as those of `Follow`, once the log extends them.

The file takes the place of the stream, and of nothing else: the log itself is asked for its keys, for the
proof that its newest checkpoint extends that of the snapshot, and for the documents that statements name. So
what is kept is what the same leaves would have left behind if the log had sent them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from functools import partial

from hashpact.clock import unix_time
from hashpact.durable import claimed
from hashpact.errors import ConfigError
from hashpact.mirror.believing import Ask, Trust
from hashpact.mirror.home import MirrorHome
from hashpact.mirror.replica import Copied, Replica
from hashpact.mirror.replicating import CALL, connecting
from hashpact.mirror.snapshots.files import SnapshotFile
from hashpact.wire.client import calls


def start_from(snapshot: SnapshotFile, replica: Replica, ask: Ask) -> Generator[Copied, None, None]:
    """Verify and commit the leaves of a snapshot which the copy does not have, a batch at a time.

    ``ask`` makes calls to the log. Nothing is kept before that has proved that it extends the snapshot; of a
    batch that is not the log's, and of those after it, nothing is. Raises as `SnapshotFile.batches`,
    `Replica.announce_older` and `Replica.take`, CorruptError for a snapshot with fewer leaves than its
    checkpoint, and UnavailableError if the log does not answer.
    """
    target = replica.announce_older(snapshot.checkpoint, ask(calls.checkpoint()), ask)
    yield from replica.take_all(snapshot.batches(replica.position), target, ask)
    if replica.position < target.size:
        snapshot.refuse(f"it ends before leaf {replica.position} of {target.size}")


def copied_from(snapshot: SnapshotFile, home: MirrorHome) -> Generator[Copied, None, None]:
    """As `start_from`, into the copy of a mirror's home; its profile says which log is asked, and how.

    Raises ConfigError if another process copies into it.
    """
    with claimed(home.paths.copying) as mine:
        if not mine:
            msg = f"another process copies into {home.paths.home}; stop that one first"
            raise ConfigError(msg)
        profile = home.profile()
        replica = Replica(home.served.ledger, Trust.of(profile), home.paths.home, unix_time)
        with contextlib.closing(connecting(profile)()) as log:
            yield from start_from(snapshot, replica, partial(log.run, timeout=CALL))
