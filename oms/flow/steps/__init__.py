"""The steps of the pipeline: each makes one service call for a batch of events."""
