"""What serves a home: its processes, their upkeep, and the supervisor that starts and ends them."""
