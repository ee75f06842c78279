"""Both sides of witnessing: what a witness cosigns, and how a log asks its witnesses."""
