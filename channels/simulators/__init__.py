"""Simulated counterparts of vendors, spoken to over real HTTP. They know nothing of the rest of the project."""
