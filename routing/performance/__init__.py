"""How well nodes and carriers did, from counts of what happened: pure, no clock, no database."""
