"""Systems at the other end of a node's work, as real servers."""
