"""A gRPC server on the core that grpcio brings: one thread that takes events, and calls without threads."""
