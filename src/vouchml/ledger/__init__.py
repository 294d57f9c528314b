"""The ledger: an append-only log of predictions and events, an RFC 6962 Merkle tree in SQLite or PostgreSQL."""
