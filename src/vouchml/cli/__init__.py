"""The command `vouch`: one module a verb, each of which parses, calls `project/` or below, and prints."""
