"""The server's side of the wire: who is let in, which thread answers, what is logged."""

import os

# A server's connections are read by the thread that takes its events (`core.loop`), not by threads of gRPC,
# which would have to wake it. gRPC reads this variable when it is imported, so a process that serves imports
# this room before. docs/decisions/wire.md says what that gives.
os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_listener")
