"""What the ledger costs while it grows to ten million records: appending, finding, proving, verifying."""
