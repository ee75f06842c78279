"""gRPC: the only room that knows protobuf, channels and statuses."""
