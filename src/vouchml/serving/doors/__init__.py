"""The doors: each takes bytes in the words of one protocol, asks the one data plane, and answers in the same words."""
