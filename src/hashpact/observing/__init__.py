"""What a server tells its operator: metrics, events, spans, and the HTTP ports that show them."""
