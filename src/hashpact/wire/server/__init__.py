"""The server's side of the wire: who is let in, which thread answers, what is logged."""
