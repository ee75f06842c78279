"""What a server shows its operator: metrics, events, spans, and the HTTP ports that show them."""
