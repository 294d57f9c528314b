"""What runs in the contenders' processes. Each file imports only what its own environment has installed."""
