"""gRPC: the only room that knows protobuf, channels and statuses."""

import os

# gRPC writes lines of its own about refused handshakes and lost connections. It reads this variable when it
# is imported, which is after this module. What they say reaches people as errors and events.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
