"""HMA's routes as a Starlette app: decode, call one use case, encode."""
