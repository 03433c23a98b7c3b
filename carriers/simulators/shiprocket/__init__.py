"""A carrier that speaks Shiprocket's contract. Free of Django models; see server.py."""
