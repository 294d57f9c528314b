"""Following the registry: one watcher a host looks and fetches, every worker loads and swaps."""
