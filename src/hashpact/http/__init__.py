"""The HTTP door, the apps behind it, and the client by which a log asks its witnesses."""
