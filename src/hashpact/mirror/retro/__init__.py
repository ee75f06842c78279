"""Retroactive match: past uploads that match entries which arrived later."""
