"""A carrier that speaks the parts of UPS's published contract that the connector uses."""
