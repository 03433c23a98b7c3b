"""A carrier that speaks Delhivery's contract: shapes and traps as they were recorded from the live service."""
